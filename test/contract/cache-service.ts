import { errAsync, okAsync } from 'neverthrow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheService } from '../../src/cache/cache-service.js';
import { unredactedCauseOf } from '../../src/errors.js';

/** What every cache must do, whichever tiers it has. `make` gives a cache of its own, empty, per call. */
export function cacheServiceContract(name: string, make: () => Promise<CacheService>): void {
  let cache: CacheService;
  beforeEach(async () => {
    cache = await make();
  });
  afterEach(() => cache.close());

  const read = async (key: string) => (await cache.get(key))._unsafeUnwrap();

  describe(`${name}: get, set and delete`, () => {
    it('gives undefined for a key that was never set', async () => {
      expect(await read('nothing')).toBeUndefined();
    });

    it('gives back what was set, null included', async () => {
      const value = { at: new Date(0), tags: new Set(['a']), size: 2n ** 70n, none: undefined };
      await cache.set('k', value);
      await cache.set('none', null);
      expect(await read('k')).toStrictEqual(value);
      expect(await read('none')).toBeNull();
    });

    it('replaces', async () => {
      await cache.set('k', 1);
      await cache.set('k', 2);
      expect(await read('k')).toBe(2);
    });

    it('lets the later of two overlapping sets win', async () => {
      await Promise.all([cache.set('k', 1), cache.set('k', 2), cache.set('k', 3)]);
      expect(await read('k')).toBe(3);
    });

    it('removes, and takes removing nothing for done', async () => {
      await cache.set('k', 1);
      expect((await cache.delete('k')).isOk()).toBe(true);
      expect((await cache.delete('k')).isOk()).toBe(true);
      expect(await read('k')).toBeUndefined();
    });

    it('lets nobody change what is cached (R18)', async () => {
      const mine = { list: [1] };
      await cache.set('k', mine);
      mine.list.push(2);
      const plain = (await cache.get<{ list: number[] }>('k'))._unsafeUnwrap();
      expect(() => plain?.list.push(3)).toThrow(TypeError);
      expect(await read('k')).toEqual({ list: [1] });

      // What cannot be frozen is everybody's own.
      await cache.set('rich', { at: new Date(5), by: new Map([['a', [1]]]) });
      for (let round = 0; round < 3; round += 1) {
        const rich = (await cache.get<{ at: Date; by: Map<string, number[]> }>('rich'))._unsafeUnwrap();
        rich?.at.setTime(99);
        rich?.by.set('b', []).get('a')?.push(2);
      }
      expect(await read('rich')).toEqual({ at: new Date(5), by: new Map([['a', [1]]]) });

      const loaded = { list: [1] };
      const given = (await cache.getOrSet('loaded', async () => loaded))._unsafeUnwrap();
      loaded.list.push(2);
      expect(Object.isFrozen(loaded)).toBe(false);
      expect(given).toEqual({ list: [1] });
      expect(await read('loaded')).toEqual({ list: [1] });
    });

    it('gives copies to change to those who ask for them (R18)', async () => {
      const copies = cache.namespace('copies', { values: 'copied' });
      await copies.set('k', { list: [1] });
      const loaded = (await copies.getOrSet('l', async () => ({ list: [1] })))._unsafeUnwrap();
      loaded.list.push(9);
      for (const key of ['k', 'l']) {
        for (let round = 0; round < 3; round += 1) {
          const mine = (await copies.get<{ list: number[] }>(key))._unsafeUnwrap();
          mine?.list.push(2);
          expect(mine).toEqual({ list: [1, 2] });
        }
      }
    });

    it.each(['a:b', 'a*', '?', '[ab]', '{a}', ' ', '\n', '😀', '__proto__', 'constructor'])(
      'keeps %j apart from other keys',
      async (key) => {
        await cache.set(key, 'mine');
        await cache.set(`${key}x`, 'longer');
        await cache.set('a', 'other');
        await cache.delete('a');
        expect(await read(key)).toBe('mine');
      },
    );

    it('takes a life of less than a second', async () => {
      expect((await cache.set('k', 1, { ttlSeconds: 0.9995 })).isOk()).toBe(true);
    });

    it.each([0, -1, NaN, Infinity, 365 * 24 * 3600 + 1])(
      'refuses a life of %d seconds',
      async (ttlSeconds) => {
        const result = await cache.set('k', 1, { ttlSeconds });
        expect(result._unsafeUnwrapErr()).toMatchObject({
          kind: 'invalid-input',
          issues: [{ path: 'ttlSeconds' }],
        });
        expect(await read('k')).toBeUndefined();
      },
    );

    it.each([
      ['undefined', undefined],
      ['a function', () => 1],
      ['a class instance', new (class {})()],
      ['more than 1 MiB', 'x'.repeat(1024 * 1024)],
      ['more than 1 MiB in bytes, not in characters', '€'.repeat(400_000)],
    ])('refuses %s and keeps the old value', async (_, value) => {
      await cache.set('k', 'old');
      const result = await cache.set('k', value);
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'value' }] });
      expect(await read('k')).toBe('old');
    });

    it('keeps a value of almost 1 MiB', async () => {
      const large = 'x'.repeat(1024 * 1024 - 10);
      expect((await cache.set('k', large)).isOk()).toBe(true);
      expect(await read('k')).toBe(large);
    });

    it('names no value and no key in its errors', async () => {
      const errors = [
        (await cache.set('k', { secret: () => 'hunter2' }))._unsafeUnwrapErr(),
        (await cache.get(`hunter2${'x'.repeat(2000)}`))._unsafeUnwrapErr(),
        (await cache.getOrSet('k', () => Promise.reject(new Error('hunter2'))))._unsafeUnwrapErr(),
      ];
      for (const error of errors)
        expect(JSON.stringify(error) + String(error.stack)).not.toMatch(/hunter2|secret/);
    });
  });

  describe(`${name}: getMany`, () => {
    it('gives the keys that were found and leaves out the others', async () => {
      await cache.set('a', 1);
      await cache.set('b', null);
      const found = (await cache.getMany<number | null>(['a', 'missing', 'b', 'a']))._unsafeUnwrap();
      expect([...found]).toEqual([
        ['a', 1],
        ['b', null],
      ]);
    });

    it('takes no keys for an empty answer, and refuses more than 1,000 or a bad one', async () => {
      expect((await cache.getMany([]))._unsafeUnwrap().size).toBe(0);
      const tooMany = Array.from({ length: 1001 }, (_, index) => `k${index}`);
      expect((await cache.getMany(tooMany))._unsafeUnwrapErr().kind).toBe('invalid-input');
      const bad = await cache.getMany(['good', '']);
      expect(bad._unsafeUnwrapErr()).toMatchObject({ issues: [{ path: 'keys.1' }] });
    });
  });

  describe(`${name}: getOrSet`, () => {
    it('loads once for 200 callers at a time and stores what it loaded', async () => {
      const gate = barrier();
      let loads = 0;
      const load = async () => {
        loads += 1;
        await gate.opened;
        return { loads };
      };
      const calls = Array.from({ length: 200 }, () => cache.getOrSet('k', load));
      gate.open();
      const values = (await Promise.all(calls)).map((result) => result._unsafeUnwrap());
      expect(values.every((value) => value.loads === 1)).toBe(true);
      expect(new Set(values).size).toBe(1);
      expect(await read('k')).toEqual({ loads: 1 });
      const { memoryHits, redisHits, ...counts } = cache.stats();
      expect(counts).toMatchObject({ loads: 1, misses: 200, sharedLoads: 199 });
      expect(memoryHits + redisHits).toBe(1);
    });

    it('shares a failure with those who wait, and tries again after the back-off (R1)', async () => {
      const thrown = new Error('database is away');
      let loads = 0;
      const fail = async () => {
        loads += 1;
        throw thrown;
      };
      const backoffMs = 300;
      const callTogether = () =>
        Promise.all(Array.from({ length: 50 }, () => cache.getOrSet('k', fail, { backoffMs })));
      const results = [...(await callTogether()), ...(await callTogether())];
      for (const result of results) {
        const error = result._unsafeUnwrapErr();
        expect(error).toMatchObject({ kind: 'loader-failed', operation: 'cache.getOrSet' });
        expect(unredactedCauseOf(error)).toBe(thrown);
      }
      expect(loads).toBe(1);
      await vi.waitFor(
        async () => expect((await cache.getOrSet('k', async () => 'now')).unwrapOr(null)).toBe('now'),
        5_000,
      );
      expect(cache.stats()).toMatchObject({ failedLoads: 1, loads: 2 });
    });

    it.each(['set', 'delete'] as const)('tries again at once after a %s', async (change) => {
      await cache.getOrSet('k', () => Promise.reject(new Error('away')), { backoffMs: 60_000 });
      if (change === 'set') await cache.set('k', 'now');
      else await cache.delete('k');
      expect((await cache.getOrSet('k', async () => 'now'))._unsafeUnwrap()).toBe('now');
    });

    it('takes a loader that throws before it gives a promise', async () => {
      const result = await cache.getOrSet('k', () => {
        throw new Error('at once');
      });
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'loader-failed' });
    });

    it("passes on a loader's Err and stores a loader's Ok", async () => {
      const failed = await cache.getOrSet(
        'k',
        () => errAsync<number, { kind: 'no-such-user' }>({ kind: 'no-such-user' }),
        { backoffMs: 0 },
      );
      expect(failed._unsafeUnwrapErr()).toEqual({ kind: 'no-such-user' });
      expect(await read('k')).toBeUndefined();
      const loaded = await cache.getOrSet('k', () => okAsync(7));
      expect(loaded._unsafeUnwrap()).toBe(7);
      expect(await read('k')).toBe(7);
    });

    it('does not load what is there, null included', async () => {
      await cache.set('k', null);
      const result = await cache.getOrSet<number | null>('k', async () => 1);
      expect(result._unsafeUnwrap()).toBeNull();
      expect(cache.stats().loads).toBe(0);
    });

    it('refuses what set refuses', async () => {
      expect((await cache.getOrSet('k', async () => undefined))._unsafeUnwrapErr().kind).toBe(
        'invalid-input',
      );
      const instance = await cache.getOrSet('k', async () => ({ at: new (class {})() }));
      expect(instance._unsafeUnwrapErr().kind).toBe('invalid-input');
      expect((await cache.getOrSet('', async () => 1))._unsafeUnwrapErr().kind).toBe('invalid-input');
    });

    it('gives back a value that is too large to store', async () => {
      const large = 'x'.repeat(1024 * 1024);
      expect((await cache.getOrSet('k', async () => large))._unsafeUnwrap()).toBe(large);
      expect(await read('k')).toBeUndefined();
      expect(cache.stats().refusedFills).toBe(1);
    });

    it('does not store a load that a delete overtook; who asks after the delete loads anew', async () => {
      const gate = barrier();
      const old = cache.getOrSet('k', async () => {
        gate.arrive();
        await gate.opened;
        return 'old';
      });
      await gate.arrived;
      await cache.delete('k');
      const young = cache.getOrSet('k', async () => 'new');
      expect((await young)._unsafeUnwrap()).toBe('new');
      gate.open();
      expect((await old)._unsafeUnwrap()).toBe('old');
      expect(await read('k')).toBe('new');
      expect(cache.stats()).toMatchObject({ loads: 2, refusedFills: 1 });
    });

    it('does not store a load that a set overtook', async () => {
      const gate = barrier();
      const loading = cache.getOrSet('k', async () => {
        gate.arrive();
        await gate.opened;
        return 'loaded';
      });
      await gate.arrived;
      await cache.set('k', 'set');
      gate.open();
      expect((await loading)._unsafeUnwrap()).toBe('loaded');
      expect(await read('k')).toBe('set');
    });

    it('does not store a load when the delete came between its end and its fill', async () => {
      // The loader's promise settles first; the delete runs before the cache goes on with its value.
      let deleting: ReturnType<CacheService['delete']> | undefined;
      const loading = cache.getOrSet('k', async () => {
        queueMicrotask(() => {
          deleting = cache.delete('k');
        });
        return 'old';
      });
      await loading;
      await deleting;
      expect(await read('k')).toBeUndefined();
    });
  });

  describe(`${name}: close`, () => {
    it('may be called twice, and later calls are told', async () => {
      await cache.set('k', 1);
      await Promise.all([cache.close(), cache.close()]);
      const results = [
        await cache.get('k'),
        await cache.set('k', 1),
        await cache.delete('k'),
        await cache.getMany(['k']),
        await cache.getOrSet('k', async () => 1),
        await cache.getOrSetMany(['k'], async () => new Map()),
        await cache.setMany([['k', 1]]),
        await cache.deleteMany(['k']),
        await cache.invalidateTags(['t']),
        await cache.take('k'),
        await cache.namespace('n').get('k'),
      ];
      expect(cache.peek('k')).toBeUndefined();
      expect(results.map((result) => result._unsafeUnwrapErr().kind)).toEqual(Array(11).fill('closed'));
      expect(cache.stats().entries).toBe(0);
    });

    it('lets a load under way end', async () => {
      const gate = barrier();
      const loading = cache.getOrSet('k', async () => {
        gate.arrive();
        await gate.opened;
        return 'loaded';
      });
      await gate.arrived;
      await cache.close();
      gate.open();
      expect((await loading)._unsafeUnwrap()).toBe('loaded');
      expect(cache.stats().entries).toBe(0);
    });
  });
}

/** A loader arrives and waits; the test waits for that, does something, and opens. */
export function barrier() {
  const arrival = deferred();
  const opening = deferred();
  return {
    arrive: arrival.resolve,
    arrived: arrival.promise,
    open: opening.resolve,
    opened: opening.promise,
  };
}

function deferred() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
