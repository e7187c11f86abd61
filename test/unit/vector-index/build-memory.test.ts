import { describe, expect, it } from 'vitest';
import { graphBytes, settingBytes, toMegabytes, toSetting } from '../../../src/vector-index/build-memory.js';

const MB = 1024 * 1024;

describe('graphBytes', () => {
  // After so many rows pgvector 0.8.0 reports that its graph no longer fits into 16 MB. That is without parallel
  // workers, where it sets nothing aside.
  it.each([
    ['vector', 1_536, 16, 2_417],
    ['vector', 1_536, 48, 2_109],
    ['halfvec', 1_536, 16, 4_350],
    ['vector', 64, 16, 16_214],
    ['vector', 64, 48, 8_157],
  ] as const)('is within 5 %% of what %s(%d) with m = %d took', (column, dimensions, m, rows) => {
    const estimate = graphBytes(rows, { column, dimensions }, m) - graphBytes(0, { column, dimensions }, m);
    expect(estimate / (16 * MB)).toBeGreaterThan(0.95);
    expect(estimate / (16 * MB)).toBeLessThan(1.05);
  });
});

describe('memory settings', () => {
  it('are read and written in the units of the server', () => {
    expect(['64kB', '512MB', '2 GB', '1TB'].map(settingBytes)).toEqual([
      65_536,
      512 * MB,
      2_048 * MB,
      MB * MB,
    ]);
    expect(settingBytes(toSetting(256 * MB + 1))).toBe(256 * MB + 1024);
    expect(toMegabytes(256 * MB + 1)).toBe('257MB');
  });
});
