import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheService } from '../../src/cache/cache-service.js';
import {
  aKeyPrefix,
  inRedis,
  makeRedisCache,
  type RedisCacheOptions,
  textOf,
  whenCoherent,
} from '../contract/cache-kit.js';
import { barrier } from '../contract/cache-service.js';
import { type CacheProcess, startCacheProcess } from '../support/cache-processes.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

let server: RedisServer;
let raw: Redis;
let keyPrefix: string;
let endings: (() => unknown)[];

beforeEach(async () => {
  server = await startRedisServer();
  raw = new Redis(server.url);
  raw.on('error', () => undefined);
  keyPrefix = aKeyPrefix();
  endings = [];
});
afterEach(async () => {
  server.continueProcess();
  for (const end of endings.reverse()) await end();
  raw.disconnect();
  await server.stop();
});

async function makeCache(options: RedisCacheOptions = {}) {
  const { cache } = makeRedisCache({ url: server.url, keyPrefix, ...options });
  endings.push(() => cache.close());
  await whenCoherent(cache);
  return cache;
}

async function startProcesses(count: number): Promise<CacheProcess[]> {
  const processes = await Promise.all(
    Array.from({ length: count }, () => startCacheProcess(server.url, keyPrefix)),
  );
  endings.push(() => {
    for (const one of processes) one.kill();
  });
  return processes;
}

async function readKey(cache: Pick<CacheService, 'get'>, key: string): Promise<unknown> {
  return (await cache.get(key))._unsafeUnwrap();
}

type Loaded = { loads: number; answers: unknown[] };

describe('R1: four processes with 50 callers each and a cold key', () => {
  it('load exactly once', async () => {
    const processes = await startProcesses(4);
    const order = { kind: 'load', key: 'k', callers: 50, loadMs: 100, value: 'v' } as const;
    const all = (await Promise.all(processes.map((one) => one.ask(order)))) as Loaded[];
    expect(all.reduce((sum, { loads }) => sum + loads, 0)).toBe(1);
    expect(all.flatMap(({ answers }) => answers)).toEqual(Array(200).fill('v'));
  });

  it('try a load that fails once in a back-off, and all callers get its failure', async () => {
    const processes = await startProcesses(4);
    const fails = { fails: true, backoffMs: 3_000 };
    const order = { kind: 'load', key: 'k', callers: 50, loadMs: 100, value: 'v', ...fails } as const;
    for (let round = 0; round < 2; round += 1) {
      const all = (await Promise.all(processes.map((one) => one.ask(order)))) as Loaded[];
      expect(all.reduce((sum, { loads }) => sum + loads, 0)).toBe(round === 0 ? 1 : 0);
      expect(all.flatMap(({ answers }) => answers)).toEqual(Array(200).fill('loader-failed'));
    }
  });
});

describe('R2: a load that fails', () => {
  it('never runs twice at a time in one process', async () => {
    const cache = await makeCache();
    let running = 0;
    let most = 0;
    const fail = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      throw new Error('away');
    };
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let call = 0; call < 10; call += 1) await cache.getOrSet('k', fail, { backoffMs: 0 });
      }),
    );
    expect(most).toBe(1);
  });
});

/** One process is inside its loader, another changes the key, then the load ends. */
async function changeDuringLoad(
  loading: CacheService,
  change: () => unknown,
  options: { tags?: string[] } = {},
) {
  const gate = barrier();
  const old = loading.getOrSet(
    'k',
    async () => {
      gate.arrive();
      await gate.opened;
      return 'old';
    },
    options,
  );
  await gate.arrived;
  await change();
  return {
    finish: async () => {
      gate.open();
      return (await old)._unsafeUnwrap();
    },
  };
}

describe('R3 and R4: a change while another process loads', () => {
  it.each(['delete', 'deleteMany', 'set', 'take', 'invalidateTags'] as const)(
    'keeps the loaded value out of all processes: %s',
    async (change) => {
      const [loading, changing, third] = [await makeCache(), await makeCache(), await makeCache()];
      const changes = {
        delete: () => changing.delete('k'),
        deleteMany: () => changing.deleteMany(['k']),
        set: () => changing.set('k', 'new'),
        take: () => changing.take('k'),
        invalidateTags: () => changing.invalidateTags(['t']),
      };
      const told = loading.stats().invalidations;
      const { finish } = await changeDuringLoad(loading, changes[change], { tags: ['t'] });
      await vi.waitFor(() => expect(loading.stats().invalidations).toBeGreaterThan(told));
      // Who asks while the old load still runs must not share it.
      const between =
        change === 'set' ? undefined : loading.getOrSet('k', async () => 'new', { tags: ['t'] });
      if (between !== undefined) expect((await between)._unsafeUnwrap()).toBe('new');
      expect(await finish()).toBe('old');
      for (const cache of [loading, changing, third]) expect(await readKey(cache, 'k')).toBe('new');
      for (const cache of [loading, changing, third]) expect(await readKey(cache, 'k')).toBe('new');
    },
  );

  it('holds for a refresh in the background of a stale value', async () => {
    const [loading, changing] = [await makeCache(), await makeCache()];
    await raw.set(inRedis(raw, keyPrefix).name('k'), textOf('stale', { staleMs: 60_000 }), 'PX', 30_000);
    const gate = barrier();
    const stale = await loading.getOrSet('k', async ({ previous }) => {
      expect(previous).toBe('stale');
      gate.arrive();
      await gate.opened;
      return 'old';
    });
    expect(stale._unsafeUnwrap()).toBe('stale');
    await gate.arrived;
    await changing.delete('k');
    gate.open();
    await vi.waitFor(() => expect(loading.stats().refusedFills).toBe(1));
    expect([await readKey(loading, 'k'), await readKey(changing, 'k')]).toEqual([undefined, undefined]);
  });

  it('holds between processes when the change comes from another client', async () => {
    const loading = await makeCache();
    const { finish } = await changeDuringLoad(loading, () => raw.del(inRedis(raw, keyPrefix).lease('k')));
    expect(await finish()).toBe('old');
    expect(await readKey(loading, 'k')).toBeUndefined();
  });
});

describe('R5: a reply that left Redis before a change of another process', () => {
  it('does not enter memory after it', async () => {
    const proxy = await startTcpProxy(server.port);
    endings.push(() => proxy.close());
    // The replies are slow, the news are not.
    const client = new Redis({ port: proxy.port, host: '127.0.0.1' });
    endings.push(() => client.disconnect());
    const direct = client.duplicate.bind(client);
    client.duplicate = (options) => direct({ ...options, port: server.port });
    const [reading, changing] = [await makeCache({ client }), await makeCache()];
    // The server has to see the script first, which takes a second trip.
    await reading.get('warm');
    for (let round = 0; round < 10; round += 1) {
      await changing.set('k', `old ${round}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      proxy.delay(40);
      const reply = reading.get('k');
      await new Promise((resolve) => setTimeout(resolve, 10));
      const before = reading.stats().invalidations;
      await changing.set('k', `new ${round}`);
      await vi.waitFor(() => expect(reading.stats().invalidations).toBeGreaterThan(before));
      expect((await reply)._unsafeUnwrap()).toBe(`old ${round}`);
      proxy.delay(0);
      expect(reading.peek('k')).toBeUndefined();
      expect(await readKey(reading, 'k')).toBe(`new ${round}`);
    }
  });
});

describe('R6: a connection that is killed while another process writes', () => {
  it.each(['normal', 'pubsub'] as const)(
    'brings no old value back, and the next write is heard of: %s',
    async (type) => {
      const [reading, writing] = [await makeCache(), await makeCache({ client: raw })];
      await writing.set('k', 1);
      await vi.waitFor(async () => {
        await reading.get('k');
        expect(reading.peek('k')).toBe(1);
      });
      const control = new Redis(server.url);
      endings.push(() => control.disconnect());
      await control.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
      // Sent at once: the one whose connection is gone cannot hear of it.
      await control.set(inRedis(raw, keyPrefix).name('k'), textOf(2), 'PX', 600_000);
      await vi.waitFor(() => {
        expect(reading.stats()).toMatchObject({ redis: 'up', coherence: 'tracking' });
        expect(writing.stats()).toMatchObject({ redis: 'up', coherence: 'tracking' });
      }, 10_000);
      await vi.waitFor(async () => expect(await readKey(reading, 'k')).toBe(2));
      await vi.waitFor(() => expect(reading.peek('k')).toBe(2));
      await writing.set('k', 3);
      await vi.waitFor(async () => expect(await readKey(reading, 'k')).toBe(3));
    },
  );

  it('serves nothing from memory between the loss of the subscriber and its return', async () => {
    const [reading, writing] = [await makeCache(), await makeCache()];
    await writing.set('k', 1);
    await vi.waitFor(async () => {
      await reading.get('k');
      expect(reading.peek('k')).toBe(1);
    });
    await raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await vi.waitFor(() => expect(reading.stats().coherence).toBe('nothing'), { interval: 1 });
    expect(reading.peek('k')).toBeUndefined();
    expect(await readKey(reading, 'k')).toBe(1);
  });
});

describe('R7: overwrites from several processes', () => {
  it('leave every memory equal to Redis, or empty', async () => {
    const caches = await Promise.all([makeCache(), makeCache(), makeCache(), makeCache()]);
    await Promise.all(
      caches.map(async (cache, writer) => {
        for (let turn = 0; turn < 200; turn += 1) {
          await cache.set(`k${turn % 5}`, `${writer}.${turn}`);
          await cache.get(`k${(turn + 1) % 5}`);
        }
      }),
    );
    const judge = await makeCache();
    for (const key of ['k0', 'k1', 'k2', 'k3', 'k4']) {
      const truth = await readKey(judge, key);
      // The news of the last write is a matter of milliseconds.
      await vi.waitFor(() => {
        for (const cache of caches) expect([undefined, truth]).toContainEqual(cache.peek(key));
      });
      for (const cache of caches) expect(await readKey(cache, key)).toBe(truth);
    }
  });
});

describe('R9: two invalidations of a tag at a time, with a write between', () => {
  it('both count', async () => {
    const [one, two, three] = [await makeCache(), await makeCache(), await makeCache()];
    for (let round = 0; round < 50; round += 1) {
      const first = one.invalidateTags(['t']);
      const write = three.set('k', round, { tags: ['t'] });
      await write;
      await Promise.all([first, two.invalidateTags(['t'])]);
      await vi.waitFor(async () => expect(await readKey(three, 'k')).toBeUndefined());
      expect([await readKey(one, 'k'), await readKey(two, 'k')]).toEqual([undefined, undefined]);
    }
  });
});

describe('R10: a tag that Redis has evicted', () => {
  it('is a miss, never an outdated value', async () => {
    const [one, two] = [await makeCache(), await makeCache()];
    await one.set('k', 'old', { tags: ['t'] });
    expect(await raw.del(inRedis(raw, keyPrefix).tagVersion('t'))).toBe(1);
    expect(await readKey(two, 'k')).toBeUndefined();
    // Who has it in memory was told of no invalidation, since there was none; of the next one it is.
    await two.set('other', 'new', { tags: ['t'] });
    await two.invalidateTags(['t']);
    await vi.waitFor(async () => expect(await readKey(one, 'k')).toBeUndefined());
    expect([await readKey(one, 'other'), await readKey(two, 'other')]).toEqual([undefined, undefined]);
  });

  it('does not end what is stored with its next version', async () => {
    const [one, two] = [await makeCache(), await makeCache()];
    await one.set('k', 1, { tags: ['t'] });
    await raw.del(inRedis(raw, keyPrefix).tagVersion('t'));
    await two.set('k', 2, { tags: ['t'] });
    await vi.waitFor(async () => expect(await readKey(one, 'k')).toBe(2));
    expect(await readKey(two, 'k')).toBe(2);
  });
});

describe('a tag that is met for the first time', () => {
  it('does not refuse the load that met it', async () => {
    const cache = await makeCache();
    let loads = 0;
    const load = async () => {
      loads += 1;
      return loads;
    };
    for (let read = 0; read < 3; read += 1) await cache.getOrSet('k', load, { tags: ['new', 'newer'] });
    expect(loads).toBe(1);
    expect(cache.stats()).toMatchObject({ loads: 1, refusedFills: 0 });
  });
});

describe('R11: the process that loads', () => {
  it('is followed by the next one within the lease when it is killed', async () => {
    const [holder] = await startProcesses(1);
    const cache = await makeCache();
    const arrived = holder?.whenLoading('k');
    void holder?.ask({ kind: 'load', key: 'k', callers: 1, loadMs: 60_000, value: 'never' });
    await arrived;
    const startedAt = performance.now();
    const waiting = cache.getOrSet('k', async () => 'next', { waitMs: 30_000 });
    holder?.kill();
    expect((await waiting)._unsafeUnwrap()).toBe('next');
    // 2 s of lease and a poll, on a busy machine.
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(await readKey(cache, 'k')).toBe('next');
  });

  it('keeps the others waiting for as long as it lives, and stores nothing after it was stopped too long', async () => {
    const [holder] = await startProcesses(1);
    const cache = await makeCache();
    const arrived = holder?.whenLoading('k');
    const late = holder?.ask({ kind: 'load', key: 'k', callers: 1, loadMs: 3_000, value: 'late' });
    await arrived;
    process.kill(holder?.pid ?? 0, 'SIGSTOP');
    expect((await cache.getOrSet('k', async () => 'next', { waitMs: 30_000 }))._unsafeUnwrap()).toBe('next');
    process.kill(holder?.pid ?? 0, 'SIGCONT');
    expect(await late).toMatchObject({ answers: ['late'] });
    expect(await readKey(cache, 'k')).toBe('next');
    expect(await holder?.ask({ kind: 'get', key: 'k' })).toBe('next');
  });

  it('prolongs its lease while it loads for longer than that', async () => {
    const [one, two] = [await makeCache(), await makeCache()];
    const gate = barrier();
    const slow = one.getOrSet('k', async () => {
      gate.arrive();
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      return 'slow';
    });
    await gate.arrived;
    expect((await two.getOrSet('k', async () => 'second', { waitMs: 30_000 }))._unsafeUnwrap()).toBe('slow');
    expect((await slow)._unsafeUnwrap()).toBe('slow');
    expect(two.stats().loads).toBe(0);
  });

  it('is not waited for longer than the caller wants, and what is loaded then is not stored', async () => {
    const [one, two] = [await makeCache(), await makeCache()];
    const { finish } = await changeDuringLoad(one, async () => undefined);
    expect((await two.getOrSet('k', async () => 'impatient', { waitMs: 100 }))._unsafeUnwrap()).toBe(
      'impatient',
    );
    expect(await readKey(two, 'k')).toBeUndefined();
    expect(await finish()).toBe('old');
    expect(await readKey(two, 'k')).toBe('old');
  });
});

describe('R14: take', () => {
  it('has one winner among many in several processes', async () => {
    const caches = await Promise.all([makeCache(), makeCache(), makeCache()]);
    for (let round = 0; round < 30; round += 1) {
      await caches[0]?.set('k', round);
      await Promise.all(caches.map((cache) => cache.get('k')));
      const takes = await Promise.all([...caches, ...caches, ...caches].map((cache) => cache.take('k')));
      expect(takes.filter((taken) => taken._unsafeUnwrap() === round)).toHaveLength(1);
      expect(takes.filter((taken) => taken._unsafeUnwrap() === undefined)).toHaveLength(8);
    }
  });
});
