import { describe, expect, it } from 'vitest';
import { UnconfirmedWrites } from '../../../src/cache/unconfirmed-writes.js';

function fail(writes: UnconfirmedWrites, ...keys: string[]): void {
  for (const key of keys) {
    writes.begin(key);
    writes.end(key, false);
  }
}

function repairAll(writes: UnconfirmedWrites): void {
  writes.repaired(writes.failedUntil(writes.latestFailure, 100));
}

describe('UnconfirmedWrites', () => {
  it('distrusts a key while a write is under way, and trusts it once that is confirmed', () => {
    const writes = new UnconfirmedWrites(10);
    writes.begin('k');
    expect(writes.has('k')).toBe(true);
    writes.end('k', true);
    expect(writes.has('k')).toBe(false);
  });

  it('waits for each of two writes under way', () => {
    const writes = new UnconfirmedWrites(10);
    writes.begin('k');
    writes.begin('k');
    writes.end('k', true);
    expect(writes.has('k')).toBe(true);
    writes.end('k', true);
    expect(writes.has('k')).toBe(false);
  });

  it('distrusts a failed key until its deletion is confirmed, whatever is written meanwhile', () => {
    const writes = new UnconfirmedWrites(10);
    fail(writes, 'k');
    writes.begin('k');
    writes.end('k', true);
    expect(writes.has('k')).toBe(true);
    repairAll(writes);
    expect([writes.has('k'), writes.needsRepair]).toEqual([false, false]);
  });

  it('keeps a key that failed again while its deletion was under way', () => {
    const writes = new UnconfirmedWrites(10);
    fail(writes, 'k', 'other');
    const batch = writes.failedUntil(writes.latestFailure, 100);
    fail(writes, 'k');
    writes.repaired(batch);
    expect([writes.has('k'), writes.has('other')]).toEqual([true, false]);
  });

  it('gives the oldest first, and none that failed after the repair began', () => {
    const writes = new UnconfirmedWrites(10);
    fail(writes, 'a', 'b', 'c', 'a');
    const until = writes.latestFailure;
    fail(writes, 'd', 'b');
    expect(writes.failedUntil(until, 1).map(([key]) => key)).toEqual(['c']);
    expect(writes.failedUntil(until, 9).map(([key]) => key)).toEqual(['c', 'a']);
  });

  it('trusts no key once it had to forget one, until a flush is confirmed', () => {
    const writes = new UnconfirmedWrites(2);
    fail(writes, 'a', 'b', 'c');
    expect([writes.has('a'), writes.has('never-written')]).toEqual([true, true]);
    writes.beginFlush()();
    repairAll(writes);
    expect([writes.has('a'), writes.has('never-written'), writes.needsRepair]).toEqual([false, false, false]);
  });

  it('does not forget a key for failing twice', () => {
    const writes = new UnconfirmedWrites(2);
    fail(writes, 'a', 'b', 'a', 'b');
    expect(writes.isOverflowing).toBe(false);
  });

  it('keeps what failed during a flush, and flushes again after an overflow during a flush', () => {
    const writes = new UnconfirmedWrites(2);
    fail(writes, 'a', 'b', 'c');
    repairAll(writes);
    const flushed = writes.beginFlush();
    fail(writes, 'd');
    flushed();
    expect([writes.has('d'), writes.has('a')]).toEqual([true, false]);

    fail(writes, 'e', 'f');
    const flushedAgain = writes.beginFlush();
    fail(writes, 'g', 'h');
    flushedAgain();
    expect(writes.isOverflowing).toBe(true);
  });
});
