import { describe, expect, it } from 'vitest';
import { ScopeSizes } from '../../../src/search/scope-sizes.js';

const MINUTE = 60_000;

function sizesAt(start: number) {
  const clock = { now: start };
  return { clock, sizes: new ScopeSizes(() => clock.now) };
}

const of = (userId: string) =>
  ({ scope: 'user', scopeParams: { userId, chatId: null, messageIds: null } }) as const;

describe('ScopeSizes', () => {
  it('knows nothing of a scope before it was counted', () => {
    const { sizes } = sizesAt(0);
    sizes.learn(of('one'), 4);
    expect(sizes.find(of('another'))).toBeNull();
  });

  it('takes a count for true for a minute by the given clock', () => {
    const { sizes, clock } = sizesAt(1_000);
    sizes.learn(of('one'), 4);
    expect(sizes.find(of('one'))).toEqual({ rows: 4, isFresh: true });
    clock.now += MINUTE - 1;
    expect(sizes.find(of('one'))).toEqual({ rows: 4, isFresh: true });
    clock.now += 1;
    expect(sizes.find(of('one'))).toEqual({ rows: 4, isFresh: false });
  });

  it('begins a new minute with a new count, not with a question', () => {
    const { sizes, clock } = sizesAt(0);
    sizes.learn(of('one'), 4);
    clock.now = MINUTE - 1;
    sizes.find(of('one'));
    clock.now = MINUTE;
    expect(sizes.find(of('one'))?.isFresh).toBe(false);
    sizes.learn(of('one'), 3_000);
    clock.now = 2 * MINUTE - 1;
    expect(sizes.find(of('one'))).toEqual({ rows: 3_000, isFresh: true });
  });

  it('remembers that a scope is empty', () => {
    const { sizes } = sizesAt(0);
    sizes.learn(of('empty'), 0);
    expect(sizes.find(of('empty'))).toEqual({ rows: 0, isFresh: true });
  });

  it('forgets those that were not asked for the longest, beyond 20,000', () => {
    const { sizes } = sizesAt(0);
    for (let scope = 0; scope < 20_000; scope += 1) sizes.learn(of(`${scope}`), scope);
    expect(sizes.find(of('0'))?.rows).toBe(0);
    for (let scope = 20_000; scope < 30_000; scope += 1) sizes.learn(of(`${scope}`), scope);
    expect(sizes.find(of('0'))?.rows).toBe(0);
    expect(sizes.find(of('1'))).toBeNull();
    expect(sizes.find(of('10000'))).toBeNull();
    expect(sizes.find(of('10001'))?.rows).toBe(10_001);
    expect(sizes.find(of('29999'))?.rows).toBe(29_999);
  });
});
