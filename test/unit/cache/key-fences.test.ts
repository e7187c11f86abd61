import { describe, expect, it } from 'vitest';
import { KeyFences } from '../../../src/cache/key-fences.js';

describe('KeyFences', () => {
  it('breaks the fence of everyone who entered before a write, and of nobody after it', () => {
    const fences = new KeyFences();
    const early = [fences.enter('k'), fences.enter('k')];
    const writer = fences.renew('k');
    const late = fences.enter('k');
    expect(early.map((fence) => fence.isBroken)).toEqual([true, true]);
    expect([writer.isBroken, late.isBroken]).toEqual([false, false]);
  });

  it('breaks an earlier write by a later one', () => {
    const fences = new KeyFences();
    const first = fences.renew('k');
    fences.renew('k');
    expect(first.isBroken).toBe(true);
  });

  it('leaves other keys alone', () => {
    const fences = new KeyFences();
    const other = fences.enter('other');
    fences.renew('k');
    expect(other.isBroken).toBe(false);
  });

  it('still breaks for a holder after others have left', () => {
    const fences = new KeyFences();
    const [one, two] = [fences.enter('k'), fences.enter('k')];
    fences.leave('k', one);
    fences.renew('k');
    expect(two.isBroken).toBe(true);
  });

  it('does not let a broken fence that is left take away the standing one', () => {
    const fences = new KeyFences();
    const old = fences.enter('k');
    const writer = fences.renew('k');
    fences.leave('k', old);
    fences.renew('k');
    expect(writer.isBroken).toBe(true);
  });

  it('keeps nothing when all have left', () => {
    const fences = new KeyFences();
    const held = [fences.enter('k'), fences.renew('k'), fences.enter('k'), fences.renew('k')];
    for (const fence of held) fences.leave('k', fence);
    expect(fences.size).toBe(0);
  });
});
