import { version } from 'uuid';
import { describe, expect, it } from 'vitest';
import { newId } from '../../src/repositories/new-id.js';

describe('newId', () => {
  it('gives UUIDs of version 7, each above the one before', () => {
    const ids = Array.from({ length: 5_000 }, newId);
    expect(ids.every((id) => version(id) === 7)).toBe(true);
    expect(new Set(ids).size).toBe(5_000);
    expect([...ids].sort()).toEqual(ids);
  });

  it('has the time in its first 48 bits', () => {
    const before = Date.now();
    const at = Number.parseInt(newId().replaceAll('-', '').slice(0, 12), 16);
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  });
});
