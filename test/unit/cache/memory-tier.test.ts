import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cachedValue } from '../../../src/cache/cached-value.js';
import { type Kept, MemoryTier } from '../../../src/cache/memory-tier.js';
import { TagStates } from '../../../src/cache/tag-states.js';
import { MEMORY_TTL_MS } from '../../../src/cache/time-to-live.js';

function makeTier({ maxBytes = 1_000_000, startAt = 0 } = {}) {
  let now = startAt;
  const tier = new MemoryTier({ maxBytes, clock: () => now });
  const set = (key: string, value: string, freshUntil: number, more: Partial<Kept> = {}) => {
    const cached = cachedValue(`j${JSON.stringify(value)}`);
    if (typeof cached === 'string') throw new Error(cached);
    tier.set(key, {
      value: cached,
      freshUntil,
      staleUntil: freshUntil,
      loadMs: 0,
      schema: 0,
      tags: [],
      ...more,
    });
  };
  return {
    tier,
    set,
    get: (key: string) => tier.get(key)?.value.shared(),
    moveTo(time: number) {
      now = time;
    },
  };
}

describe('An index of MemoryTier', () => {
  it('has an entry while the tier has it, and never an older one', () => {
    const { tier, set } = makeTier();
    const index = new Map();
    const indexed = () => tier.getIndexed(index, 'key')?.value.shared();
    set('name', 'old', 1_000);
    tier.putIntoIndex('name', index, 'key');
    expect(indexed()).toBe('old');
    set('name', 'new', 1_000);
    expect(indexed()).toBeUndefined();
    tier.putIntoIndex('name', index, 'key');
    expect(indexed()).toBe('new');
    tier.delete('name');
    expect([indexed(), index.size]).toEqual([undefined, 0]);
  });

  it('lets go of what another index has found, and of all when the tier is emptied', () => {
    const { tier, set } = makeTier();
    const [first, second] = [new Map(), new Map()];
    set('name', 'v', 1_000);
    tier.putIntoIndex('name', first, 'key');
    tier.putIntoIndex('name', second, 'key');
    expect([first.size, second.size]).toEqual([0, 1]);
    tier.clear();
    expect([first.size, second.size]).toEqual([0, 0]);
  });

  it('gives nothing whose life or tag has ended', () => {
    const { tier, set, moveTo } = makeTier();
    const tags = new TagStates();
    const index = new Map();
    set('name', 'v', 1_000);
    set('tagged', 'v', 1_000, { tags: [tags.begin('tag', '1')] });
    tier.putIntoIndex('name', index, 'name');
    tier.putIntoIndex('tagged', index, 'tagged');
    tags.end('tag');
    expect(tier.getIndexed(index, 'tagged')).toBeUndefined();
    moveTo(1_000);
    expect(tier.getIndexed(index, 'name')).toBeUndefined();
  });

  it('keeps what is used through it, and lets go of what is evicted', () => {
    const { tier, set, get, moveTo } = makeTier({ maxBytes: 1_000 });
    const index = new Map();
    for (const name of ['a', 'b', 'c']) {
      set(name, 'v', Infinity);
      tier.putIntoIndex(name, index, name);
    }
    expect(index.size).toBe(3);
    moveTo(1_000);
    expect(tier.getIndexed(index, 'a')?.value.shared()).toBe('v');
    set('d', 'v', Infinity);
    expect([get('a'), get('b')]).toEqual(['v', undefined]);
    expect([...index.keys()].sort()).toEqual(['a', 'c']);
  });
});

describe('MemoryTier', () => {
  it('keeps a value to the last millisecond of its life, from time 0 on too', () => {
    const { tier, set, get, moveTo } = makeTier();
    set('k', 'v', 1_000);
    moveTo(999);
    expect(get('k')).toBe('v');
    moveTo(1_000);
    expect(get('k')).toBeUndefined();
    expect(tier.entries).toBe(0);
  });

  it('keeps nothing for longer than 300 s', () => {
    const { set, get, moveTo } = makeTier({ startAt: 5_000 });
    set('k', 'v', Infinity);
    moveTo(5_000 + MEMORY_TTL_MS - 1);
    expect(get('k')).toBe('v');
    moveTo(5_000 + MEMORY_TTL_MS);
    expect(get('k')).toBeUndefined();
  });

  it('does not live longer because the clock was set back', () => {
    const { set, get, moveTo } = makeTier({ startAt: 100_000 });
    set('k', 'v', 101_000);
    moveTo(40_000);
    expect(get('k')).toBeUndefined();
  });

  it('drops the old value when the new one has no life left or does not fit', () => {
    const { set, get } = makeTier({ startAt: 10, maxBytes: 2_000 });
    set('expired', 'old', 1_000);
    set('expired', 'new', 10);
    set('large', 'old', 1_000);
    set('large', 'x'.repeat(3_000), 1_000);
    expect([get('expired'), get('large')]).toEqual([undefined, undefined]);
  });

  it('stays within its bytes and counts two for each character of a text that needs it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 400 })), {
          maxLength: 60,
        }),
        (writes) => {
          const { tier, set } = makeTier({ maxBytes: 4_096 });
          for (const [key, payload] of writes) set(`k${key}`, payload, 1_000);
          expect(tier.bytes).toBeLessThanOrEqual(4_096);
          expect(tier.bytes).toBeGreaterThanOrEqual(tier.entries * 257);
        },
      ),
    );
    const { tier, set } = makeTier();
    set('k', 'x'.repeat(100), 1_000);
    const narrow = tier.bytes;
    set('k', `${'x'.repeat(99)}€`, 1_000);
    expect(tier.bytes - narrow).toBeGreaterThanOrEqual(100);
  });

  it('pushes out the least recently used first', () => {
    const { set, get } = makeTier({ maxBytes: 3 * 264 });
    for (const key of ['a', 'b', 'c']) set(key, 'v', 1_000);
    get('a');
    set('d', 'v', 1_000);
    expect(['a', 'b', 'c', 'd'].map((key) => get(key))).toEqual(['v', undefined, 'v', 'v']);
  });

  it('keeps a stale value apart from a fresh one, until its time is over too', () => {
    const { tier, set, get, moveTo } = makeTier();
    set('k', 'v', 1_000, { staleUntil: 3_000 });
    moveTo(1_000);
    expect(get('k')).toBeUndefined();
    expect(tier.getStale('k')?.value.shared()).toBe('v');
    moveTo(3_000);
    expect(tier.getStale('k')).toBeUndefined();
  });

  it('gives nothing whose tag has ended, or was pushed out', () => {
    const { tier, set, get } = makeTier();
    const tags = new TagStates(2);
    set('a', 'v', 1_000, { tags: [tags.begin('t', '1'), tags.begin('u', '1')] });
    expect(get('a')).toBe('v');
    tags.end('u');
    expect(get('a')).toBeUndefined();
    set('b', 'v', 1_000, { tags: [tags.begin('w', '1')] });
    for (const tag of ['x', 'y']) tags.begin(tag, '1');
    expect([get('b'), tier.entries]).toEqual([undefined, 0]);
  });
});
