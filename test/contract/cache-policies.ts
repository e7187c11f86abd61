import { err, ok } from 'neverthrow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheService } from '../../src/cache/cache-service.js';
import { barrier } from './cache-service.js';

/** What every cache must make of options, tags, namespaces and calls for many keys. */
export function cachePoliciesContract(name: string, make: () => Promise<CacheService>): void {
  let cache: CacheService;
  beforeEach(async () => {
    cache = await make();
  });
  afterEach(() => cache.close());

  const read = async (key: string) => (await cache.get(key))._unsafeUnwrap();
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  describe(`${name}: life of a value`, () => {
    it('serves a stale value at once while one call loads a new one', async () => {
      await cache.set('k', 'old', { ttlSeconds: 0.05, staleSeconds: 60 });
      await pause(60);
      expect([cache.peek('k'), await read('k')]).toEqual([undefined, undefined]);
      const gate = barrier();
      const load = vi.fn(async () => {
        gate.arrive();
        await gate.opened;
        return 'new';
      });
      const calls = await Promise.all(Array.from({ length: 20 }, () => cache.getOrSet('k', load)));
      expect(calls.map((call) => call._unsafeUnwrap())).toEqual(Array(20).fill('old'));
      await gate.arrived;
      gate.open();
      await vi.waitFor(async () => expect(await read('k')).toBe('new'));
      expect(load).toHaveBeenCalledTimes(1);
      expect(cache.stats()).toMatchObject({ staleServed: 20, loads: 1 });
    });

    it('waits for the new value for as long as softDeadlineMs says', async () => {
      const stale = { ttlSeconds: 0.02, staleSeconds: 60 };
      await cache.set('k', 'old', stale);
      await cache.set('l', 'old', stale);
      await pause(30);
      const quick = await cache.getOrSet('k', async () => 'new', { softDeadlineMs: 10_000 });
      expect(quick._unsafeUnwrap()).toBe('new');
      const gate = barrier();
      const load = () => gate.opened.then(() => 'new');
      const slow = await cache.getOrSet('l', load, { softDeadlineMs: 20 });
      expect(slow._unsafeUnwrap()).toBe('old');
      gate.open();
      await vi.waitFor(async () => expect(await read('l')).toBe('new'));
    });

    it('gives up a load after hardDeadlineMs, and stores it when it ends', async () => {
      const gate = barrier();
      const load = () => gate.opened.then(() => 'late');
      const late = await cache.getOrSet('k', load, { hardDeadlineMs: 20 });
      expect(late._unsafeUnwrapErr()).toMatchObject({ kind: 'timeout', timeoutMs: 20 });
      const again = cache.getOrSet('k', async () => 'second');
      gate.open();
      expect((await again)._unsafeUnwrap()).toBe('late');
      expect(await read('k')).toBe('late');
      expect(cache.stats().loads).toBe(1);
    });

    it('goes on serving a stale value when its load fails', async () => {
      await cache.set('k', 'old', { ttlSeconds: 0.02, staleSeconds: 60 });
      await pause(30);
      const fail = vi.fn(() => Promise.reject(new Error('away')));
      for (let call = 0; call < 5; call += 1) {
        expect((await cache.getOrSet('k', fail, { backoffMs: 60_000 }))._unsafeUnwrap()).toBe('old');
        await pause(5);
      }
      expect(fail).toHaveBeenCalledTimes(1);
    });

    it('keeps null for negativeTtlSeconds, and what the loader chose for as long as that', async () => {
      await cache.getOrSet('nothing', async () => null, { ttlSeconds: 600, negativeTtlSeconds: 0.05 });
      await cache.getOrSet('chosen', async (context) => {
        context.setTtl(0.05);
        return 1;
      });
      expect([await read('nothing'), await read('chosen')]).toEqual([null, 1]);
      await pause(60);
      expect([await read('nothing'), await read('chosen')]).toEqual([undefined, undefined]);
    });

    it('tells a loader what is stale, and stores nothing when it says so', async () => {
      await cache.set('k', { version: 1 }, { ttlSeconds: 0.02, staleSeconds: 60 });
      await pause(30);
      const seen = barrier();
      await cache.getOrSet('k', async ({ previous }) => {
        expect(previous).toEqual({ version: 1 });
        seen.arrive();
        return { version: 2 };
      });
      await seen.arrived;
      const skipped = await cache.getOrSet('skipped', async (context) => {
        context.skipStore();
        return 1;
      });
      expect(skipped._unsafeUnwrap()).toBe(1);
      expect(await read('skipped')).toBeUndefined();
    });

    it('lets a loader of many keys choose for all of them, and store none', async () => {
      const keys = ['a', 'b'];
      const all = new Map(keys.map((key) => [key, 1]));
      const chosen = await cache.getOrSetMany(keys, async (_, context) => {
        context.setTtl(0.05);
        return all;
      });
      expect(chosen._unsafeUnwrap()).toEqual(all);
      expect((await cache.getMany(keys))._unsafeUnwrap()).toEqual(all);
      await pause(60);
      await cache.getOrSetMany(keys, async (_, context) => {
        context.skipStore();
        return all;
      });
      expect((await cache.getMany(keys))._unsafeUnwrap()).toEqual(new Map());
    });

    it('takes a bad setTtl for a mistake of the loader', async () => {
      const result = await cache.getOrSet('k', async (context) => context.setTtl(-1) ?? 1);
      expect(result._unsafeUnwrapErr().kind).toBe('loader-failed');
    });

    it('neither reads nor stores with skipCache', async () => {
      await cache.set('k', 'stored');
      expect((await cache.getOrSet('k', async () => 'own', { skipCache: true }))._unsafeUnwrap()).toBe('own');
      expect(await read('k')).toBe('stored');
      const many = await cache.getOrSetMany(['k'], async () => new Map([['k', 'own']]), { skipCache: true });
      expect(many._unsafeUnwrap().get('k')).toBe('own');
      expect(await read('k')).toBe('stored');
    });

    it('refreshes early in the background, and not before', async () => {
      const load = vi.fn(async () => {
        await pause(20);
        return load.mock.calls.length;
      });
      await cache.getOrSet('k', load, { ttlSeconds: 60, earlyRefresh: 1 });
      for (let call = 0; call < 20; call += 1) await cache.getOrSet('k', load, { earlyRefresh: 1 });
      expect(load).toHaveBeenCalledTimes(1);
      // A share of 20 ms that reaches back over a minute: more than e to the 100 is never drawn.
      await cache.getOrSet('l', load, { ttlSeconds: 1, earlyRefresh: 100 });
      await vi.waitFor(async () => {
        await cache.getOrSet('l', load, { ttlSeconds: 60, earlyRefresh: 100 });
        expect(load).toHaveBeenCalledTimes(3);
      }, 5_000);
      await vi.waitFor(async () => expect(await read('l')).toBe(3));
      expect(cache.stats().staleServed).toBe(0);
    });

    it.each([
      [{ staleSeconds: -1 }, 'staleSeconds'],
      [{ jitter: 1.5 }, 'jitter'],
      [{ earlyRefresh: -1 }, 'earlyRefresh'],
      [{ negativeTtlSeconds: 0 }, 'negativeTtlSeconds'],
      [{ hardDeadlineMs: 0 }, 'hardDeadlineMs'],
      [{ waitMs: Number.NaN }, 'waitMs'],
      [{ tags: [''] }, 'tags.0'],
      [{ tags: Array.from({ length: 33 }, (_, index) => `${index}`) }, 'tags'],
    ])('refuses %j before anything is loaded', async (options, path) => {
      const load = vi.fn(async () => 1);
      const result = await cache.getOrSet('k', load, options);
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'invalid-input', issues: [{ path }] });
      expect(load).not.toHaveBeenCalled();
    });
  });

  describe(`${name}: tags`, () => {
    it('end all values that have one of them, and no others', async () => {
      await cache.set('a', 1, { tags: ['t', 'u'] });
      await cache.setMany([['b', 2]], { tags: ['u'] });
      await cache.getOrSet('c', async () => 3, { tags: ['v'] });
      await cache.getOrSetMany(['d'], async () => new Map([['d', 4]]), { tags: ['t'] });
      const all = async () =>
        [...(await cache.getMany<number>(['a', 'b', 'c', 'd']))._unsafeUnwrap().values()].sort();
      expect(await all()).toEqual([1, 2, 3, 4]);
      expect(await all()).toEqual([1, 2, 3, 4]);
      expect((await cache.invalidateTags(['t', 'nobody has this']))._unsafeUnwrap()).toBeUndefined();
      expect(await all()).toEqual([2, 3]);
      expect((await cache.getOrSet('a', async () => 5, { tags: ['t'] }))._unsafeUnwrap()).toBe(5);
      expect(await all()).toEqual([2, 3, 5]);
      await cache.invalidateTags(['u', 'v']);
      expect(await all()).toEqual([5]);
    });

    it('end what is being loaded, and who asks afterwards does not share it (R4)', async () => {
      const gate = barrier();
      const tags = ['t'];
      const old = cache.getOrSet('k', () => loadBehind(gate, 'old'), { tags });
      await gate.arrived;
      await cache.invalidateTags(tags);
      expect((await cache.getOrSet('k', async () => 'new', { tags }))._unsafeUnwrap()).toBe('new');
      gate.open();
      expect((await old)._unsafeUnwrap()).toBe('old');
      expect(await read('k')).toBe('new');
    });
  });

  describe(`${name}: namespaces`, () => {
    it('do not reach each other, whatever they are called', async () => {
      const places = [
        cache,
        cache.namespace('a'),
        cache.namespace('a').namespace('b'),
        cache.namespace('1:a'),
        cache.namespace('a1:b'),
      ];
      const keys = ['k', '1:a:k', 'a:k', ':k', '\u{10000}'];
      for (const [index, place] of places.entries())
        for (const key of keys)
          await place.set(key, `${index} ${key}`, { tags: [`tag of ${index}`, 'common'] });
      for (const [index, place] of places.entries())
        for (const key of keys) expect((await place.get(key))._unsafeUnwrap()).toBe(`${index} ${key}`);
      await places[1]?.invalidateTags(['common']);
      expect((await places[1]?.get('k'))?._unsafeUnwrap()).toBeUndefined();
      expect((await places[2]?.get('k'))?._unsafeUnwrap()).toBe('2 k');
      expect(cache.peek('\u00011:a:k')).toBeUndefined();
    });

    it('take a value of another schema for a miss, and start from their own options', async () => {
      const one = cache.namespace('n', { schemaVersion: 1 });
      const two = cache.namespace('n', { schemaVersion: 2, tags: ['all'] });
      await one.set('k', 'one');
      await cache.delete('other');
      expect((await two.getOrSet('k', async () => 'two')).isOk()).toBe(true);
      await two.invalidateTags(['all']);
      expect((await two.get('k'))._unsafeUnwrap()).toBeUndefined();
    });

    it('refuse a bad name and bad options at once', () => {
      expect(() => cache.namespace('')).toThrow(/name must be a non-empty string/);
      expect(() => cache.namespace('n', { schemaVersion: -1 })).toThrow(/schemaVersion/);
    });
  });

  describe(`${name}: many keys`, () => {
    it('load what is missing by one call, shared with calls for one key', async () => {
      await cache.set('a', 1);
      const gate = barrier();
      const single = cache.getOrSet('b', () => loadBehind(gate, 2));
      await gate.arrived;
      const load = vi.fn(
        async (missing: readonly string[]) => new Map(missing.map((key) => [key, key.length])),
      );
      const many = cache.getOrSetMany(['a', 'b', 'cc', 'ddd', 'cc'], load);
      const joined = cache.getOrSet('ddd', async () => 99);
      gate.open();
      expect([...(await many)._unsafeUnwrap()].sort()).toEqual([
        ['a', 1],
        ['b', 2],
        ['cc', 2],
        ['ddd', 3],
      ]);
      expect((await joined)._unsafeUnwrap()).toBe(3);
      expect((await single)._unsafeUnwrap()).toBe(2);
      expect(load.mock.calls.map(([missing]) => missing)).toEqual([['cc', 'ddd']]);
      expect((await cache.getMany<number>(['cc', 'ddd']))._unsafeUnwrap().size).toBe(2);
      expect(cache.stats()).toMatchObject({ loads: 2 });
    });

    it('leave out what the loader leaves out, and a call for such a key alone loads it', async () => {
      const gate = barrier();
      const many = cache.getOrSetMany(['a', 'b'], () => loadBehind(gate, new Map([['a', 1]])));
      await gate.arrived;
      const single = cache.getOrSet('b', async () => 'own');
      gate.open();
      expect([...(await many)._unsafeUnwrap()]).toEqual([['a', 1]]);
      expect((await single)._unsafeUnwrap()).toBe('own');
    });

    it('pass on a failure of their loader, and refuse what is no map', async () => {
      const failed = await cache.getOrSetMany(['a'], async () => err<Map<string, number>, 'gone'>('gone'));
      expect(failed._unsafeUnwrapErr()).toBe('gone');
      const fine = await cache.getOrSetMany(['b'], async () => ok(new Map([['b', 1]])));
      expect(fine._unsafeUnwrap().get('b')).toBe(1);
      const wrong = await cache.getOrSetMany(['c'], async () => ({ c: 1 }) as never);
      expect(wrong._unsafeUnwrapErr()).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'value' }] });
    });

    it('are stored and deleted together', async () => {
      await cache.setMany(
        new Map<string, unknown>([
          ['a', 1],
          ['b', null],
        ]),
      );
      expect([...(await cache.getMany(['a', 'b']))._unsafeUnwrap()]).toEqual([
        ['a', 1],
        ['b', null],
      ]);
      await cache.deleteMany(['a', 'b', 'c']);
      expect((await cache.getMany(['a', 'b']))._unsafeUnwrap().size).toBe(0);
      const refused = await cache.setMany([
        ['a', 1],
        ['', 2],
      ]);
      expect(refused._unsafeUnwrapErr()).toMatchObject({ issues: [{ path: 'entries.1.key' }] });
      expect(await read('a')).toBeUndefined();
    });
  });

  describe(`${name}: take and peek`, () => {
    it('take gives the value once', async () => {
      await cache.set('k', { code: 1 }, { tags: ['t'] });
      const takes = await Promise.all([cache.take('k'), cache.take('k'), cache.take('k')]);
      expect(takes.map((taken) => taken._unsafeUnwrap()).filter((value) => value !== undefined)).toEqual([
        { code: 1 },
      ]);
      await cache.set('k', 2, { tags: ['t'] });
      await cache.invalidateTags(['t']);
      expect((await cache.take('k'))._unsafeUnwrap()).toBeUndefined();
    });

    it('peek gives what memory has, and counts nothing', async () => {
      expect(cache.peek('k')).toBeUndefined();
      await cache.set('k', { a: 1 });
      const peeked = cache.peek<{ a: number }>('k');
      if (peeked !== undefined) expect(peeked).toEqual({ a: 1 });
      expect(cache.stats()).toMatchObject({ memoryHits: 0, misses: 0 });
    });
  });

  describe(`${name}: large values`, () => {
    it('come back as they were', async () => {
      const large = { text: 'word '.repeat(20_000), list: Array.from({ length: 500 }, (_, index) => index) };
      await cache.set('k', large);
      expect(await read('k')).toEqual(large);
    });
  });
}

async function loadBehind<T>(gate: ReturnType<typeof barrier>, value: T): Promise<T> {
  gate.arrive();
  await gate.opened;
  return value;
}
