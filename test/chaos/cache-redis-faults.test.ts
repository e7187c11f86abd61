import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import type { ResultAsync } from 'neverthrow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheService } from '../../src/cache/cache-service.js';
import type { StoreEvent } from '../../src/telemetry.js';
import { aKeyPrefix, inRedis, makeRedisCache, type RedisCacheOptions } from '../contract/cache-kit.js';
import { barrier } from '../contract/cache-service.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { findFreePort } from '../support/server-process.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

// Long enough that a busy machine does not miss it while Redis is well.
const DEADLINE_MS = 250;
// A bound for a busy machine: without deadlines these calls take seconds or never end.
const GENEROUS_MS = 10 * DEADLINE_MS;

let server: RedisServer;
let raw: Redis;
let endings: (() => unknown)[];

beforeEach(async () => {
  server = await startRedisServer();
  raw = quietClient(server.url);
  endings = [];
});
afterEach(async () => {
  server.continueProcess();
  for (const end of endings.reverse()) await end();
  raw.disconnect();
  await server.stop();
});

function quietClient(url: string): Redis {
  const client = new Redis(url);
  client.on('error', () => undefined);
  return client;
}

function makeCache(options: RedisCacheOptions = {}) {
  const made = makeRedisCache({ url: server.url, commandTimeoutMillis: DEADLINE_MS, ...options });
  endings.push(() => made.cache.close());
  return made;
}

async function readKey(cache: CacheService, key: string): Promise<unknown> {
  return (await cache.get(key))._unsafeUnwrap();
}

async function slowest(calls: (() => ResultAsync<unknown, unknown> | Promise<void>)[]): Promise<number> {
  let longest = 0;
  for (const call of calls) {
    const startedAt = performance.now();
    await call();
    longest = Math.max(longest, performance.now() - startedAt);
  }
  return longest;
}

async function takeDown(cache: CacheService): Promise<void> {
  for (let call = 0; cache.stats().redis === 'up'; call += 1) {
    await cache.get(`no such key ${call}`);
    expect(call).toBeLessThan(5);
  }
}

function whenUp(cache: CacheService): Promise<void> {
  return vi.waitFor(() => expect(cache.stats().redis).toBe('up'), { timeout: 15_000, interval: 5 });
}

const clients = [
  ['own client', () => ({})],
  // Offline queue on, no timeouts, twenty retries: what an application that did nothing has.
  [
    'borrowed client with default options',
    () => {
      const client = quietClient(server.url);
      endings.push(() => client.disconnect());
      return { client };
    },
  ],
] as const;

describe.each(clients)('Redis that hangs, %s', (_, options) => {
  it('costs a few calls one deadline each and the others nothing, and comes back by itself', async () => {
    const { cache, events } = makeCache(options());
    await cache.set('hot', 1);
    server.stopProcess();

    const reads = Array.from({ length: 50 }, (_, index) => () => cache.get(`cold${index}`));
    expect(await slowest(reads)).toBeLessThan(GENEROUS_MS);
    expect(cache.stats()).toMatchObject({ redis: 'down', redisFailures: 3, misses: 50 });

    expect(await slowest([() => cache.set('k', 1), () => cache.delete('k')])).toBeLessThan(GENEROUS_MS);
    expect(
      await slowest([() => cache.getOrSet('l', async () => 1), () => cache.getMany(['m'])]),
    ).toBeLessThan(GENEROUS_MS);
    expect(await readKey(cache, 'hot')).toBe(1);
    expect(cache.stats()).toMatchObject({ redisFailures: 3, memoryHits: 1 });

    server.continueProcess();
    await whenUp(cache);
    expect((await cache.set('k', 2)).isOk()).toBe(true);
    expect(events).toEqual([{ type: 'redis.unavailable', reason: 'no-answer' }, { type: 'redis.recovered' }]);
  });

  it('loads once for 200 callers, within the deadline of one read, and keeps values once it is down', async () => {
    const { cache } = makeCache(options());
    await cache.get('connect');
    server.stopProcess();
    let loads = 0;
    const load = async () => {
      loads += 1;
      return loads;
    };
    const startedAt = performance.now();
    const results = await Promise.all(Array.from({ length: 200 }, () => cache.getOrSet('k', load)));
    expect(performance.now() - startedAt).toBeLessThan(GENEROUS_MS);
    expect(results.every((result) => result._unsafeUnwrap() === 1)).toBe(true);
    expect(cache.stats()).toMatchObject({ loads: 1, redisFailures: 1 });
    await takeDown(cache);
    await cache.getOrSet('k', load);
    expect(await readKey(cache, 'k')).toBe(2);
  });

  it('never serves what was deleted or replaced meanwhile, whether that was sent or not', async () => {
    let now = 0;
    const keyPrefix = aKeyPrefix();
    const { cache } = makeCache({ ...options(), keyPrefix, clock: () => now });
    const keys = ['deleted, sent', 'set, sent', 'deleted, not sent', 'set, not sent'];
    for (const key of keys) await cache.set(key, 'old');

    server.stopProcess();
    expect((await cache.delete('deleted, sent'))._unsafeUnwrapErr().kind).toBe('unavailable');
    expect((await cache.set('set, sent', 'new'))._unsafeUnwrapErr().kind).toBe('unavailable');
    await takeDown(cache);
    expect((await cache.delete('deleted, not sent'))._unsafeUnwrapErr().kind).toBe('unavailable');
    expect((await cache.set('set, not sent', 'new'))._unsafeUnwrapErr().kind).toBe('unavailable');
    expect([...(await cache.getMany(keys))._unsafeUnwrap()]).toEqual([
      ['set, sent', 'new'],
      ['set, not sent', 'new'],
    ]);
    // What memory had is gone: only Redis could answer now.
    now += 300_001;

    const seen = new Set<unknown>();
    const reading = readUntil(cache, keys, seen);
    server.continueProcess();
    await whenUp(cache);
    reading.stop();
    await reading.done;
    for (const key of keys) expect(await readKey(cache, key)).not.toBe('old');
    expect(seen).not.toContain('old');
    expect(await inRedis(raw, keyPrefix).exists('deleted, not sent')).toBe(false);
    expect(await inRedis(raw, keyPrefix).exists('set, not sent')).toBe(false);
  });

  it('leaves no more than a handful of commands waiting on the connection', async () => {
    const client = quietClient(server.url);
    endings.push(() => client.disconnect());
    const { cache } = makeCache({ client });
    await cache.get('connect');
    server.stopProcess();
    for (let index = 0; index < 300; index += 1) await cache.get(`k${index}`);
    await new Promise((resolve) => setTimeout(resolve, 5 * DEADLINE_MS));
    expect(client.commandQueue.length).toBeLessThanOrEqual(4);
  });

  it('at the first use costs one deadline and is used once it answers', async () => {
    server.stopProcess();
    const { cache, events } = makeCache({ url: server.url });
    expect(await slowest([() => cache.get('k'), () => cache.getOrSet('k', async () => 1)])).toBeLessThan(
      GENEROUS_MS,
    );
    expect(events).toEqual([{ type: 'redis.unavailable', reason: 'not-connected' }]);
    server.continueProcess();
    await whenUp(cache);
    expect((await cache.set('k', 1)).isOk()).toBe(true);
  });

  it('does not hold up close', async () => {
    const { cache } = makeCache(options());
    await cache.get('connect');
    server.stopProcess();
    const reading = cache.get('k');
    expect(await slowest([() => cache.close()])).toBeLessThan(GENEROUS_MS);
    expect((await reading).isOk()).toBe(true);
  });
});

describe.each(clients)('Redis that is killed, %s', (_, options) => {
  it('costs nearly nothing and is used again after a restart', async () => {
    const { cache, events } = makeCache(options());
    await cache.set('hot', 1);
    await server.kill();
    await vi.waitFor(() => expect(cache.stats().redis).toBe('down'));
    const failures = cache.stats().redisFailures;

    const calls = Array.from(
      { length: 100 },
      (_, index) => () => cache.getOrSet(`cold${index}`, async () => index),
    );
    expect(await slowest(calls)).toBeLessThan(DEADLINE_MS);
    expect(cache.stats().redisFailures).toBe(failures);
    expect(await readKey(cache, 'hot')).toBe(1);
    expect((await cache.delete('hot'))._unsafeUnwrapErr().kind).toBe('unavailable');

    await server.restart();
    await whenUp(cache);
    expect((await cache.set('k', 2)).isOk()).toBe(true);
    expect(events).toEqual([
      { type: 'redis.unavailable', reason: 'connection-lost' },
      { type: 'redis.recovered' },
    ]);
  });

  it('gets none of the commands of the outage afterwards', async () => {
    const { cache } = makeCache(options());
    await cache.set('hot', 1);
    await server.kill();
    // Until then they may be on their way, and ioredis sends those of a borrowed client again.
    await vi.waitFor(() => expect(cache.stats().redis).toBe('down'));
    const calls = Array.from({ length: 100 }, (_, index) =>
      cache.getOrSet(`cold${index}`, async () => index),
    );
    await Promise.all(calls);
    await server.restart();
    await whenUp(cache);
    expect(await raw.info('commandstats')).not.toMatch(/cmdstat_(set|evalsha|get):/);
  });
});

describe('many short outages', () => {
  it('are one event each way per outage, and no call fails or lasts', async () => {
    const { cache, events } = makeCache();
    await cache.set('hot', 1);
    for (let round = 0; round < 3; round += 1) {
      await server.restart();
      await vi.waitFor(() => expect(events.length).toBeGreaterThanOrEqual(2 * round + 1));
      await whenUp(cache);
    }
    expect(events.map((event: StoreEvent) => event.type)).toEqual([
      'redis.unavailable',
      'redis.recovered',
      'redis.unavailable',
      'redis.recovered',
      'redis.unavailable',
      'redis.recovered',
    ]);
  });
});

describe('a connection that is cut while Redis keeps its values', () => {
  it('brings nothing back that was deleted meanwhile', async () => {
    const proxy = await startTcpProxy(server.port);
    endings.push(() => proxy.close());
    const keyPrefix = aKeyPrefix();
    const { cache } = makeCache({ url: `redis://127.0.0.1:${proxy.port}`, keyPrefix });
    await cache.set('k', 'old');
    // New connections are taken and not answered.
    proxy.stall();
    proxy.cut();
    await vi.waitFor(() => expect(cache.stats().redis).toBe('down'));
    expect((await cache.delete('k'))._unsafeUnwrapErr().kind).toBe('unavailable');
    expect(await inRedis(raw, keyPrefix).exists('k')).toBe(true);

    const seen = new Set<unknown>();
    const reading = readUntil(cache, ['k'], seen);
    proxy.resume();
    await whenUp(cache);
    reading.stop();
    await reading.done;
    expect(seen).toEqual(new Set([undefined]));
    expect(await inRedis(raw, keyPrefix).exists('k')).toBe(false);
  });

  it('does not let a write that was given up outlive the delete after it', async () => {
    const proxy = await startTcpProxy(server.port);
    endings.push(() => proxy.close());
    const keyPrefix = aKeyPrefix();
    const { cache } = makeCache({ url: `redis://127.0.0.1:${proxy.port}`, keyPrefix });
    await cache.get('connect');
    proxy.stall();
    // On its way, and it will arrive.
    expect((await cache.set('k', 'given up'))._unsafeUnwrapErr().kind).toBe('unavailable');
    expect((await cache.delete('k'))._unsafeUnwrapErr().kind).toBe('unavailable');
    await takeDown(cache);
    proxy.resume();
    await whenUp(cache);
    expect(await readKey(cache, 'k')).toBeUndefined();
    expect(await inRedis(raw, keyPrefix).exists('k')).toBe(false);
  });

  it('does not send a command whose caller has given up waiting for the connection', async () => {
    const proxy = await startTcpProxy(server.port);
    endings.push(() => proxy.close());
    proxy.stall();
    const { cache } = makeCache({ url: `redis://127.0.0.1:${proxy.port}` });
    await Promise.all([cache.get('k'), cache.getOrSet('l', async () => 1), cache.getMany(['m'])]);
    proxy.resume();
    await whenUp(cache);
    expect(await raw.info('commandstats')).not.toMatch(/cmdstat_(set|evalsha|eval|get):/);
  });
});

describe('a connection that is half open', () => {
  it('is replaced by a new one', async () => {
    const pairs: [Socket, Socket][] = [];
    const relay = createServer((client) => {
      const upstream = connect(server.port, '127.0.0.1');
      pairs.push([client, upstream]);
      for (const socket of [client, upstream]) socket.on('error', () => undefined);
      client.pipe(upstream).pipe(client);
    }).listen(0, '127.0.0.1');
    await once(relay, 'listening');
    endings.push(() => {
      relay.close();
      for (const socket of pairs.flat()) socket.destroy();
    });
    const { port } = relay.address() as AddressInfo;
    const { cache } = makeCache({ url: `redis://127.0.0.1:${port}` });
    expect((await cache.set('k', 1)).isOk()).toBe(true);

    // From now on the first connection swallows everything, and nobody closes it.
    const stuck = [...pairs];
    for (const [client, upstream] of stuck) {
      client.unpipe(upstream);
      client.resume();
    }
    await takeDown(cache);
    await whenUp(cache);
    expect((await cache.set('k', 2)).isOk()).toBe(true);
    expect(pairs.length).toBeGreaterThan(stuck.length);
  });
});

describe('more failed writes than are remembered', () => {
  it.each([
    ['own client', () => ({ keyPrefix: 'app[1]*:' })],
    [
      'borrowed client with a prefix',
      () => {
        const client = new Redis(server.url, { keyPrefix: 'outer?:' });
        client.on('error', () => undefined);
        endings.push(() => client.disconnect());
        return { client, keyPrefix: 'app[1]*:' };
      },
    ],
  ])('flush the cache, and nothing else, before Redis is read again: %s', async (_, options) => {
    const { cache } = makeCache({ ...options(), maxFailedWrites: 5, memoryMaxBytes: 100 });
    const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
    for (const key of [...keys, 'untouched']) await cache.set(key, 'old');
    const foreign = ['app1x:cache:k', 'outer?:app[1]*:other', 'other'];
    for (const name of foreign) await raw.set(name, 'mine');

    server.stopProcess();
    await takeDown(cache);
    await Promise.all(keys.map((key) => cache.delete(key)));
    const seen = new Set<unknown>();
    const reading = readUntil(cache, [...keys, 'untouched'], seen);
    server.continueProcess();
    await whenUp(cache);
    await cache.set('after', 'new');
    expect(await readKey(cache, 'after')).toBe('new');
    reading.stop();
    await reading.done;
    expect(seen).toEqual(new Set([undefined]));
    const left = await raw.keys('*');
    expect(left.filter((name) => !name.includes('cache:v:{:after}')).sort()).toEqual(foreign.sort());
  });

  it('flush every server of a cluster', async () => {
    const cluster = await startRedisServer({
      args: [
        ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
        // By default 10,000 above the other, where the system takes client ports from.
        ...['--cluster-port', `${await findFreePort()}`],
      ],
    });
    const control = quietClient(cluster.url);
    await control.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await vi.waitFor(
      async () => expect(await control.call('CLUSTER', 'INFO')).toContain('cluster_state:ok'),
      10_000,
    );
    const client = new Redis.Cluster([{ host: '127.0.0.1', port: cluster.port }], { keyPrefix: 'outer:' });
    client.on('error', () => undefined);
    await once(client, 'ready');
    endings.push(async () => {
      cluster.continueProcess();
      client.disconnect();
      control.disconnect();
      await cluster.stop();
    });
    const { cache } = makeCache({ client, maxFailedWrites: 2 });
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    for (const key of keys) expect((await cache.set(key, 'old')).isOk()).toBe(true);
    await control.set('foreign', 1);

    cluster.stopProcess();
    await takeDown(cache);
    await Promise.all(keys.map((key) => cache.delete(key)));
    cluster.continueProcess();
    await whenUp(cache);
    expect(await control.keys('*')).toEqual(['foreign']);
  });
});

describe('a busy event loop', () => {
  it('is not taken for a Redis that does not answer', async () => {
    const keyPrefix = aKeyPrefix();
    const { cache } = makeCache({ keyPrefix, memoryMaxBytes: 100 });
    await cache.set('k', 1);
    // The server has to see the script first, which takes a second trip.
    expect(await readKey(cache, 'k')).toBe(1);
    const reads = [cache.get('k'), cache.get('k'), cache.get('k'), cache.get('k')];
    // Long enough for the commands to be on their way, too short for the answers.
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    const until = performance.now() + 3 * DEADLINE_MS;
    while (performance.now() < until);
    expect((await Promise.all(reads)).map((result) => result._unsafeUnwrap())).toEqual([1, 1, 1, 1]);
    expect(cache.stats()).toMatchObject({ redis: 'up', redisFailures: 0 });
  });
});

describe('a delete during a load while Redis hangs', () => {
  it('keeps the loaded value out of both tiers, also after Redis is back', async () => {
    const keyPrefix = aKeyPrefix();
    const { cache } = makeCache({ keyPrefix });
    await cache.get('connect');
    const gate = barrier();
    const loading = cache.getOrSet('k', async () => {
      gate.arrive();
      await gate.opened;
      return 'old';
    });
    await gate.arrived;
    server.stopProcess();
    const deleting = cache.delete('k');
    gate.open();
    expect((await loading)._unsafeUnwrap()).toBe('old');
    expect((await deleting)._unsafeUnwrapErr().kind).toBe('unavailable');
    expect(await readKey(cache, 'k')).toBeUndefined();
    server.continueProcess();
    await vi.waitFor(async () => expect((await cache.set('probe', 1)).isOk()).toBe(true), 15_000);
    expect(await readKey(cache, 'k')).toBeUndefined();
    expect(await inRedis(raw, keyPrefix).exists('k')).toBe(false);
  });
});

/** Reads keys over and over in the background and notes every value it gets. */
function readUntil(cache: CacheService, keys: string[], seen: Set<unknown>) {
  let isStopped = false;
  const done = (async () => {
    while (!isStopped) {
      for (const key of keys) seen.add(await readKey(cache, key));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  return {
    done,
    stop() {
      isStopped = true;
    },
  };
}
