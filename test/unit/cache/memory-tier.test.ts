import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryTier } from '../../../src/cache/memory-tier.js';
import { MEMORY_TTL_MS } from '../../../src/cache/time-to-live.js';

function makeTier({ maxBytes = 1_000_000, startAt = 0 } = {}) {
  let now = startAt;
  const tier = new MemoryTier({ maxBytes, clock: () => now });
  return {
    tier,
    moveTo(time: number) {
      now = time;
    },
  };
}

describe('MemoryTier', () => {
  it('keeps a value to the last millisecond of its life, from time 0 on too', () => {
    const { tier, moveTo } = makeTier();
    tier.set('k', 'v', 1_000);
    moveTo(999);
    expect(tier.get('k')).toBe('v');
    moveTo(1_000);
    expect(tier.get('k')).toBeUndefined();
    expect(tier.entries).toBe(0);
  });

  it('keeps nothing for longer than 300 s', () => {
    const { tier, moveTo } = makeTier({ startAt: 5_000 });
    tier.set('k', 'v', Infinity);
    moveTo(5_000 + MEMORY_TTL_MS - 1);
    expect(tier.get('k')).toBe('v');
    moveTo(5_000 + MEMORY_TTL_MS);
    expect(tier.get('k')).toBeUndefined();
  });

  it('does not live longer because the clock was set back', () => {
    const { tier, moveTo } = makeTier({ startAt: 100_000 });
    tier.set('k', 'v', 101_000);
    moveTo(40_000);
    expect(tier.get('k')).toBeUndefined();
  });

  it('drops the old value when the new one has no life left or does not fit', () => {
    const { tier } = makeTier({ startAt: 10, maxBytes: 2_000 });
    tier.set('expired', 'old', 1_000);
    tier.set('expired', 'new', 10);
    tier.set('large', 'old', 1_000);
    tier.set('large', 'x'.repeat(3_000), 1_000);
    expect([tier.get('expired'), tier.get('large')]).toEqual([undefined, undefined]);
  });

  it('stays within its bytes and counts two for each character of a text that needs it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 400 })), {
          maxLength: 60,
        }),
        (writes) => {
          const { tier } = makeTier({ maxBytes: 4_096 });
          for (const [key, payload] of writes) tier.set(`k${key}`, payload, 1_000);
          expect(tier.bytes).toBeLessThanOrEqual(4_096);
          expect(tier.bytes).toBeGreaterThanOrEqual(tier.entries * 257);
        },
      ),
    );
    const { tier } = makeTier();
    tier.set('k', 'x'.repeat(100), 1_000);
    const narrow = tier.bytes;
    tier.set('k', `${'x'.repeat(99)}€`, 1_000);
    expect(tier.bytes - narrow).toBe(100);
  });

  it('pushes out the least recently used first', () => {
    const { tier } = makeTier({ maxBytes: 3 * 257 + 3 });
    for (const key of ['a', 'b', 'c']) tier.set(key, 'v', 1_000);
    tier.get('a');
    tier.set('d', 'v', 1_000);
    expect(['a', 'b', 'c', 'd'].map((key) => tier.get(key))).toEqual(['v', undefined, 'v', 'v']);
  });
});
