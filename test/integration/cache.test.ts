import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { CacheService } from '../../src/cache/cache-service.js';
import {
  aKeyPrefix,
  inRedis,
  makeRedisCache,
  type RedisCacheOptions,
  textOf,
  whenCoherent,
} from '../contract/cache-kit.js';
import { cachePoliciesContract } from '../contract/cache-policies.js';
import { barrier, cacheServiceContract } from '../contract/cache-service.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

const url = inject('redisUrl');
const opened: CacheService[] = [];
let raw: Redis;

beforeAll(() => {
  raw = new Redis(url);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((cache) => cache.close()));
});
afterAll(async () => {
  const names = await raw.keys('test:*');
  if (names.length > 0) await raw.del(...names);
  raw.disconnect();
});

function makeCache(options: RedisCacheOptions = {}) {
  const made = makeRedisCache({ url, ...options });
  opened.push(made.cache);
  return made.cache;
}

/** Until all changes made past the cache were told of, so that none is in the way of what is read next. */
function whenHeardOf(cache: CacheService, changes: number): Promise<void> {
  return vi.waitFor(() => expect(cache.stats().invalidations).toBeGreaterThanOrEqual(changes));
}

async function readKey(cache: CacheService, key: string): Promise<unknown> {
  return (await cache.get(key))._unsafeUnwrap();
}

async function coherent(options: RedisCacheOptions) {
  const { cache } = makeRedisCache(options);
  await whenCoherent(cache);
  return cache;
}

cacheServiceContract('Redis, own client', () => coherent({ url }));
cacheServiceContract('Redis, own client, from the first call', async () => makeRedisCache({ url }).cache);
cacheServiceContract('Redis, borrowed client', () => coherent({ client: raw }));
cacheServiceContract('Redis without room in memory', () => coherent({ url, memoryMaxBytes: 100 }));
cachePoliciesContract('Redis', () => coherent({ url }));
cachePoliciesContract('Redis without room in memory', () => coherent({ url, memoryMaxBytes: 100 }));

describe('two processes', () => {
  it('share values, with the life that was asked for', async () => {
    const keyPrefix = aKeyPrefix();
    const [one, two] = [makeCache({ keyPrefix }), makeCache({ keyPrefix })];
    await one.set('set', new Map([['a', 1n]]));
    await one.getOrSet('loaded', async () => 2, { ttlSeconds: 90.5 });
    expect(await readKey(two, 'set')).toEqual(new Map([['a', 1n]]));
    expect((await two.getOrSet('loaded', async () => 3))._unsafeUnwrap()).toBe(2);
    expect(two.stats()).toMatchObject({ redisHits: 2, loads: 0 });

    const redis = inRedis(raw, keyPrefix);
    expect(await redis.remainingMs('set')).toBeGreaterThan(3_500_000);
    expect(await redis.remainingMs('set')).toBeLessThanOrEqual(3_600_000);
    expect(await redis.remainingMs('loaded')).toBeGreaterThan(80_000);
    expect(await redis.remainingMs('loaded')).toBeLessThanOrEqual(90_500);
  });

  it('see what the other has deleted or replaced, about when it has', async () => {
    const keyPrefix = aKeyPrefix();
    const [one, two] = [makeCache({ keyPrefix }), makeCache({ keyPrefix })];
    await Promise.all([whenCoherent(one), whenCoherent(two)]);
    for (const key of ['deleted', 'replaced']) await one.set(key, 'old');
    await two.delete('deleted');
    await two.set('replaced', 'new');
    await vi.waitFor(() => expect(one.peek('replaced') ?? one.peek('deleted')).not.toBe('old'));
    expect([await readKey(one, 'deleted'), await readKey(one, 'replaced')]).toEqual([undefined, 'new']);
  });

  it('keep what they stored themselves when Redis tells of it, and give it up for the next change of any kind', async () => {
    const keyPrefix = aKeyPrefix();
    const [one, two] = [makeCache({ keyPrefix }), makeCache({ keyPrefix })];
    await Promise.all([whenCoherent(one), whenCoherent(two)]);
    const redis = inRedis(raw, keyPrefix);
    for (const change of [() => two.delete('k'), () => two.set('k', 'new'), () => raw.del(redis.name('k'))]) {
      for (const store of [() => one.set('k', 'own'), () => one.getOrSet('k', async () => 'own')]) {
        await one.delete('k');
        const heardOf = one.stats().invalidations;
        await store();
        await whenHeardOf(one, heardOf + 1);
        await vi.waitFor(() => expect(one.peek('k')).toBe('own'));
        await change();
        await vi.waitFor(() => expect(one.peek('k')).not.toBe('own'));
      }
    }
  });

  it.each(['one key', 'many keys'])(
    'serve stale values from memory before Redis answers, and load each next one once: %s',
    async (asked) => {
      const server = await startRedisServer();
      const proxy = await startTcpProxy(server.port);
      const keyPrefix = aKeyPrefix();
      const cache = makeCache({ url: `redis://127.0.0.1:${proxy.port}`, keyPrefix });
      await whenCoherent(cache);
      let loads = 0;
      const load = async () => {
        loads += 1;
        return `load ${loads}`;
      };
      const options = { ttlSeconds: 0.2, staleSeconds: 60 };
      const readOne = async () => (await cache.getOrSet('k', load, options))._unsafeUnwrap();
      const readMany = async () => {
        const loadAll = async (keys: readonly string[]) => {
          const value = await load();
          return new Map(keys.map((key) => [key, value]));
        };
        return (await cache.getOrSetMany(['k', 'other'], loadAll, options))._unsafeUnwrap().get('k');
      };
      const read = asked === 'one key' ? readOne : readMany;
      await read();
      await vi.waitFor(() => expect(cache.peek('k')).toBe('load 1'));
      await vi.waitFor(() => expect(cache.peek('k')).toBeUndefined());
      proxy.stall();
      for (let turn = 0; turn < 20; turn += 1) expect(await read()).toBe('load 1');
      expect(loads).toBe(1);
      proxy.resume();
      await vi.waitFor(async () => expect(await read()).not.toBe('load 1'));
      expect(loads).toBe(2);
      await cache.close();
      await proxy.close();
      await server.stop();
    },
  );

  it('do not keep in memory what has less life left in Redis (R8)', async () => {
    const keyPrefix = aKeyPrefix();
    let now = 0;
    const cache = makeCache({ keyPrefix, clock: () => now });
    await whenCoherent(cache);
    const redis = inRedis(raw, keyPrefix);
    for (const key of ['one', 'many']) {
      await redis.put(key, textOf('value'));
      await raw.pexpire(redis.name(key), 60_000);
    }
    const readBoth = async () => [
      await readKey(cache, 'one'),
      ...(await cache.getMany(['many']))._unsafeUnwrap(),
    ];
    await whenHeardOf(cache, 4);
    await readBoth();

    now = 50_000;
    await readBoth();
    expect(cache.stats()).toMatchObject({ redisHits: 2, memoryHits: 2 });
    now = 60_000;
    await readBoth();
    expect(cache.stats()).toMatchObject({ redisHits: 4, memoryHits: 2 });
  });

  it('count the life left from when they asked, not from when the answer came (R8)', async () => {
    const keyPrefix = aKeyPrefix();
    let now = 0;
    const cache = makeCache({ keyPrefix, clock: () => now });
    await whenCoherent(cache);
    const redis = inRedis(raw, keyPrefix);
    await redis.put('k', textOf('old'));
    await raw.pexpire(redis.name('k'), 60_000);
    const reading = cache.get('k');
    now = 70_000;
    expect((await reading)._unsafeUnwrap()).toBe('old');
    expect(cache.stats().entries).toBe(0);
  });
});

describe('a reply from Redis that a write has overtaken', () => {
  it.each(['get', 'getMany', 'getOrSet'] as const)(
    'does not enter memory after a delete: %s',
    async (method) => {
      const proxy = await startTcpProxy(Number(new URL(url).port));
      const keyPrefix = aKeyPrefix();
      const cache = makeCache({ url: `redis://127.0.0.1:${proxy.port}`, keyPrefix });
      await cache.get('connect');
      await inRedis(raw, keyPrefix).put('k', textOf('old'));
      proxy.delay(60);
      const reading = {
        get: () => cache.get('k'),
        getMany: () => cache.getMany(['k']),
        getOrSet: () => cache.getOrSet('k', async () => 'loaded'),
      }[method]();
      // Sent now; its reply comes before that of the delete.
      const deleting = cache.delete('k');
      await Promise.all([reading, deleting]);
      expect(cache.stats()).toMatchObject({ redisHits: 1, entries: 0 });
      expect(await readKey(cache, 'k')).toBeUndefined();
      await proxy.close();
    },
  );

  it('does not replace what a set has put into memory', async () => {
    const proxy = await startTcpProxy(Number(new URL(url).port));
    const keyPrefix = aKeyPrefix();
    const cache = makeCache({ url: `redis://127.0.0.1:${proxy.port}`, keyPrefix });
    await cache.get('connect');
    await inRedis(raw, keyPrefix).put('k', textOf('old'));
    proxy.delay(60);
    const reading = cache.get('k');
    const setting = cache.set('k', 'new');
    expect((await reading)._unsafeUnwrap()).toBe('old');
    expect(await readKey(cache, 'k')).toBe('new');
    await setting;
    expect(await readKey(cache, 'k')).toBe('new');
    await proxy.close();
  });
});

describe('a load that a delete overtook', () => {
  it('does not come back from Redis either', async () => {
    const keyPrefix = aKeyPrefix();
    const [cache, other] = [makeCache({ keyPrefix }), makeCache({ keyPrefix })];
    const gate = barrier();
    const loading = cache.getOrSet('k', async () => {
      gate.arrive();
      await gate.opened;
      return 'old';
    });
    await gate.arrived;
    await cache.delete('k');
    gate.open();
    await loading;
    expect(await readKey(other, 'k')).toBeUndefined();
  });
});

describe('what is in Redis but not of this cache', () => {
  it.each([
    ['no header', 'junk'],
    ['a header that is cut', '2 stamp'],
    ['a payload that is cut', textOf({ name: 'value' }).slice(0, -3)],
    ['a payload that was compressed otherwise', textOf('x').replace(/\n.*/s, '\nz!!!')],
  ])('treats %s as a miss, and replaces it by what is loaded', async (_, text) => {
    const keyPrefix = aKeyPrefix();
    const [cache, other] = [makeCache({ keyPrefix }), makeCache({ keyPrefix })];
    await inRedis(raw, keyPrefix).put('k', text);
    expect(await readKey(cache, 'k')).toBeUndefined();
    await inRedis(raw, keyPrefix).put('k', text);
    expect((await cache.getOrSet('k', async () => 'loaded'))._unsafeUnwrap()).toBe('loaded');
    expect(await readKey(other, 'k')).toBe('loaded');
    expect(cache.stats()).toMatchObject({ misses: 2, loads: 1 });
  });

  it('deletes a value that cannot be decoded, and says so', async () => {
    const keyPrefix = aKeyPrefix();
    const { cache, events } = makeRedisCache({ url, keyPrefix });
    opened.push(cache);
    const redis = inRedis(raw, keyPrefix);
    await redis.put('k', textOf({ name: 'value' }).slice(0, -3));
    expect(await readKey(cache, 'k')).toBeUndefined();
    expect(await redis.exists('k')).toBe(false);
    expect(events).toEqual([{ type: 'cache.corrupt-entry' }]);
  });

  it.each([
    ['format', textOf('x').replace(/\n.*/s, '\nqsomething')],
    ['schema', textOf('x', { schema: 1 })],
  ])(
    'leaves a value of another %s to those who can read it, and replaces it after a load',
    async (_, text) => {
      const keyPrefix = aKeyPrefix();
      const cache = makeCache({ keyPrefix });
      const redis = inRedis(raw, keyPrefix);
      await redis.put('k', text);
      expect([await readKey(cache, 'k'), await readKey(cache, 'k')]).toEqual([undefined, undefined]);
      expect(cache.stats()).toMatchObject({ misses: 2, entries: 0 });
      expect(await redis.exists('k')).toBe(true);
      expect((await cache.getOrSet('k', async () => 'loaded'))._unsafeUnwrap()).toBe('loaded');
      expect(await readKey(makeCache({ keyPrefix }), 'k')).toBe('loaded');
    },
  );

  it('treats a key of another type as a miss, without hiding its neighbours', async () => {
    const keyPrefix = aKeyPrefix();
    const cache = makeCache({ keyPrefix });
    await cache.set('good', 1);
    await raw.hset(inRedis(raw, keyPrefix).name('hash'), 'field', 'value');
    const found = (await makeCache({ keyPrefix }).getMany(['hash', 'good']))._unsafeUnwrap();
    expect([...found]).toEqual([['good', 1]]);
  });

  it('keeps a key without an end for 300 s', async () => {
    const keyPrefix = aKeyPrefix();
    let now = 0;
    const cache = makeCache({ keyPrefix, clock: () => now });
    await whenCoherent(cache);
    await raw.set(inRedis(raw, keyPrefix).name('k'), textOf('value'));
    await whenHeardOf(cache, 1);
    for (const time of [0, 299_999, 300_000]) {
      now = time;
      expect(await readKey(cache, 'k')).toBe('value');
    }
    expect(cache.stats()).toMatchObject({ redisHits: 2, memoryHits: 1 });
  });
});

describe('trips to Redis', () => {
  let server: RedisServer;
  let control: Redis;
  beforeAll(async () => {
    server = await startRedisServer();
    control = new Redis(server.url);
  });
  afterAll(async () => {
    control.disconnect();
    await server.stop();
  });

  async function commandsDuring(work: () => Promise<void>): Promise<Record<string, number>> {
    await control.config('RESETSTAT');
    await work();
    const stats = await control.info('commandstats');
    const calls = [...stats.matchAll(/cmdstat_([a-z|]+):calls=(\d+)/g)];
    return Object.fromEntries(calls.map(([, name, count]) => [name, Number(count)]));
  }

  it('are one for getMany, none for what memory has, and none again', async () => {
    const cache = makeCache({ url: server.url });
    const keyPrefix = aKeyPrefix();
    const writer = makeCache({ url: server.url, keyPrefix });
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key) => writer.set(key, key)));
    await cache.get('connect');
    const reader = makeCache({ url: server.url, keyPrefix });
    await whenCoherent(reader);
    await reader.getMany(keys.slice(0, 20));

    const readAll = async () => void (await reader.getMany(keys));
    const many = await commandsDuring(readAll);
    expect(many).toMatchObject({ evalsha: 1, get: 80, pttl: 80 });
    expect(await commandsDuring(readAll)).not.toHaveProperty('evalsha');
    const load = async (key: string) => {
      const heardOf = reader.stats().invalidations;
      await reader.getOrSet(key, async () => 1);
      await whenHeardOf(reader, heardOf + 1);
      await vi.waitFor(() => expect(reader.peek(key)).toBe(1));
    };
    await load('brings the scripts');
    const single = await commandsDuring(() => load('new'));
    // One script to read and take the lease, one to store, and one to tell that Redis has this process's own value.
    expect(single).toMatchObject({ evalsha: 3, set: 2, get: 3, getrange: 1 });
    const again = await commandsDuring(async () => void (await reader.getOrSet('new', async () => 2)));
    expect(again).not.toHaveProperty('evalsha');
  });

  it('go on after the server forgot the script', async () => {
    const keyPrefix = aKeyPrefix();
    const [writer, reader] = [
      makeCache({ url: server.url, keyPrefix }),
      makeCache({ url: server.url, keyPrefix }),
    ];
    await writer.set('k', 1);
    await reader.get('connect');
    await control.script('FLUSH');
    expect(await readKey(reader, 'k')).toBe(1);
    expect(reader.stats()).toMatchObject({ redisHits: 1, redisFailures: 0 });
  });

  it('tell the caller what Redis refused, and nobody reads the old value', async () => {
    const keyPrefix = aKeyPrefix();
    const cache = makeCache({ url: server.url, keyPrefix, memoryMaxBytes: 1024 });
    await cache.set('k', 'old');
    const large = 'x'.repeat(2_000);
    await control.config('SET', 'maxmemory', '1');
    try {
      const refused = await cache.set('k', large);
      expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable', retryable: true });
      expect(await readKey(cache, 'k')).toBeUndefined();
      await vi.waitFor(async () => expect(await inRedis(control, keyPrefix).exists('k')).toBe(false), 5_000);
    } finally {
      await control.config('SET', 'maxmemory', '0');
    }
    await vi.waitFor(async () => {
      expect((await cache.set('k', large)).isOk()).toBe(true);
      expect(await readKey(cache, 'k')).toBe(large);
    }, 5_000);
    expect(cache.stats().redis).toBe('up');
  });
});

describe('clients', () => {
  it('does not connect before the first call', async () => {
    const cache = makeCache({ url: 'redis://127.0.0.1:1' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(cache.stats()).toMatchObject({ redis: 'up', redisFailures: 0 });
    await cache.get('k');
    expect(cache.stats()).toMatchObject({ redis: 'down', redisFailures: 1 });
  });

  it('leaves a borrowed client open, with the listeners it had', async () => {
    const client = new Redis(url);
    const listeners = () => client.eventNames().map((name) => [name, client.listenerCount(name)]);
    await client.ping();
    const before = listeners();
    const { cache } = makeRedisCache({ client });
    await cache.set('k', 1);
    await cache.close();
    expect(listeners()).toEqual(before);
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });

  it('connects a borrowed client that waits for its first use', async () => {
    const client = new Redis(url, { lazyConnect: true });
    const keyPrefix = aKeyPrefix();
    const cache = makeCache({ client, keyPrefix });
    expect((await cache.set('k', 1)).isOk()).toBe(true);
    expect(await inRedis(raw, keyPrefix).exists('k')).toBe(true);
    client.disconnect();
  });

  it('does without a borrowed client that was closed', async () => {
    const client = new Redis(url);
    await client.quit();
    const cache = makeCache({ client });
    expect((await cache.getOrSet('k', async () => 1))._unsafeUnwrap()).toBe(1);
    expect((await cache.delete('k'))._unsafeUnwrapErr().kind).toBe('unavailable');
    expect(cache.stats().redis).toBe('down');
  });

  it('keeps below the prefix of a borrowed client', async () => {
    const client = new Redis(url, { keyPrefix: 'test:app:' });
    const keyPrefix = aKeyPrefix();
    const cache = makeCache({ client, keyPrefix });
    await cache.set('k', 1);
    expect(await inRedis(raw, `test:app:${keyPrefix}`).exists('k')).toBe(true);
    expect(await readKey(makeCache({ client, keyPrefix }), 'k')).toBe(1);
    client.disconnect();
  });

  it('works in memory when ioredis is not installed, and says so once', async () => {
    const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    const { cache, events } = makeRedisCache({ url, loadIoredis: () => Promise.reject(missing) });
    opened.push(cache);
    expect((await cache.getOrSet('k', async () => 1))._unsafeUnwrap()).toBe(1);
    expect(await readKey(cache, 'k')).toBe(1);
    expect((await cache.set('k', 2))._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable' });
    expect(await readKey(cache, 'k')).toBe(2);
    expect(events).toEqual([{ type: 'redis.unavailable', reason: 'ioredis-not-installed' }]);
  });

  it('leaves no socket and no timer after close, so that the process ends', async () => {
    const program = `
      import { createCacheService } from './src/cache/create-cache-service.ts';
      import { createRedisTier } from './src/cache/redis-tier.ts';
      import { RedisLink } from './src/redis/redis-link.ts';
      const telemetry = { event() {} };
      const open = (url) => {
        const limits = { keyPrefix: 'test:exit:', commandTimeoutMillis: 2000 };
        const link = new RedisLink({ config: { kind: 'owned', url, ...limits }, telemetry });
        const redis = createRedisTier(link, limits);
        const cache = createCacheService({ memoryMaxBytes: 1e6, redis, clock: Date.now, telemetry });
        return { cache, link };
      };
      const resources = () => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name));
      const [used, away, unused] = [open('${url}'), open('redis://127.0.0.1:1'), open('${url}')];
      const connecting = open('${url}');
      await Promise.all([used.cache.set('k', 1), away.cache.set('k', 1)]);
      while (used.cache.stats().coherence !== 'tracking') await new Promise((resolve) => setTimeout(resolve, 5));
      const during = resources();
      connecting.cache.get('k');
      await Promise.all([used, away, unused, connecting].map(({ link }) => link.close()));
      console.log(JSON.stringify({ during, after: resources() }));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program],
      { timeout: 20_000 },
    );
    const { during, after } = JSON.parse(stdout);
    expect(during).toContain('TCPSocketWrap');
    expect(after).toEqual([]);
  });
});
