import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RateLimit } from '../../../src/config/rate-limit-config.js';
import { ADJUST, SPEND_GCRA } from '../../../src/rate-limits/limit-scripts.js';
import { aKeyPrefix } from '../../contract/cache-kit.js';
import {
  makeRedisLimiter,
  makeRedisLimiterUnderTest,
  outcome,
  passing,
  RATE_LIMITS,
  type RedisLimiterOptions,
} from '../../contract/rate-limit-kit.js';
import { rateLimiterContract } from '../../contract/rate-limiter.js';
import { onServer, type RedisCluster, startRedisCluster } from '../../support/redis-cluster.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';

const url = inject('redisUrl');
let raw: Redis;
const opened: { close(): Promise<void> }[] = [];

beforeAll(() => {
  raw = new Redis(url);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  const names = await raw.keys('test:*');
  if (names.length > 0) await raw.del(...names);
  raw.disconnect();
});

function makeLimiter(options: Partial<RedisLimiterOptions> = {}) {
  const made = makeRedisLimiter({ config: { url }, rateLimits: RATE_LIMITS, ...options });
  opened.push(made);
  return made;
}

rateLimiterContract('Redis, own client', async (rateLimits) =>
  makeRedisLimiterUnderTest({ config: { url }, rateLimits }, [raw]),
);
rateLimiterContract('Redis, borrowed client', async (rateLimits) =>
  makeRedisLimiterUnderTest({ config: { client: raw }, rateLimits }, [raw]),
);

describe('a cluster of three masters', () => {
  let cluster: RedisCluster;
  let servers: Redis[];
  beforeAll(async () => {
    cluster = await startRedisCluster();
    servers = cluster.masters.map((master) => new Redis(master.url));
  });
  afterAll(async () => {
    for (const server of servers) server.disconnect();
    await cluster.stop();
  });

  rateLimiterContract('Redis Cluster', async (rateLimits) =>
    makeRedisLimiterUnderTest({ config: { nodes: cluster.nodes }, rateLimits }, servers),
  );

  it('keeps all limits of one key in one slot, whatever the key, and keys on all servers', async () => {
    const { limiter, keyPrefix, events } = makeLimiter({ config: { nodes: cluster.nodes } });
    const keys = Array.from({ length: 60 }, (_, index) => `user ${index}`);
    for (const key of ['}', '{', '{}', '}{', 'a{b}c', '%', ...keys]) {
      const all = (await limiter.consumeAll(key, ['chat', 'hourly', 'quota', 'tokens']))._unsafeUnwrap();
      expect(all).toMatchObject({ outcome: 'allowed', decidedBy: 'redis' });
    }
    for (const master of cluster.masters) {
      expect(
        await onServer(master, async (redis) => (await redis.keys(`${keyPrefix}*`)).length),
      ).toBeGreaterThan(0);
    }
    expect(events).toEqual([]);
  });
});

describe('what is kept in Redis', () => {
  it('ends by itself, as soon as all has come back', async () => {
    const { limiter, keyPrefix } = makeLimiter();
    const perSecond: RateLimit = { limit: 10, windowSeconds: 1 };
    const window: RateLimit = { limit: 10, windowSeconds: 2, algorithm: 'sliding-window' };
    await limiter.consume('ada', 'chat');
    await limiter.consume('ada', 'quota');
    await limiter.consume('ada', perSecond, { cost: 3 });
    await limiter.consume('ada', window);
    await limiter.refund('ada', 'quota');
    await (await limiter.reserve('ada', 'tokens', 10))._unsafeUnwrap().settle(900);
    await limiter.consumeAll('bob', ['chat', 'hourly', 'quota']);
    const names = await raw.keys(`${keyPrefix}*`);
    expect(names).toHaveLength(7);
    const lives = new Map<string, number>();
    for (const name of names) lives.set(name.replace(keyPrefix, ''), await raw.pttl(name));
    for (const life of lives.values()) expect(life).toBeGreaterThan(0);
    expect(lives.get('limit:{ada}chat')).toBeLessThanOrEqual(1_000);
    expect(lives.get('limit:{ada}=gcra:10:1000000:10')).toBeLessThanOrEqual(300);
    expect(lives.get('limit:{ada}=sliding-window:10:2000000:10')).toBeLessThanOrEqual(4_000);
  });

  it('is a whole number of microseconds', async () => {
    const { limiter, keyPrefix } = makeLimiter();
    await limiter.consume('ada', { limit: 7, windowSeconds: 3_600 });
    const [name = ''] = await raw.keys(`${keyPrefix}*`);
    expect(await raw.get(name)).toMatch(/^\d{16}$/);
  });

  it('is no trouble where something else is in its place', async () => {
    const { limiter, keyPrefix } = makeLimiter();
    for (const [key, limit] of [
      ['ada', 'chat'],
      ['ada', 'quota'],
    ] as const) {
      await raw.set(`${keyPrefix}limit:{${key}}${limit}`, 'nonsense', 'EX', 60);
      expect(await passing(limiter, 12, key, limit)).toBe(10);
    }
  });
});

describe('commands', () => {
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

  const makeAlone = () => makeLimiter({ config: { url: server.url } });

  async function commandsOf(work: () => Promise<unknown>): Promise<Record<string, number>> {
    await control.config('RESETSTAT');
    await work();
    const stats = await control.info('commandstats');
    return Object.fromEntries(
      [...stats.matchAll(/cmdstat_(eval|evalsha|del):calls=(\d+)/g)].map(([, name, calls]) => [
        name,
        Number(calls),
      ]),
    );
  }

  it('are one script a call, also for several limits', async () => {
    const { limiter } = makeAlone();
    await limiter.consume('warm up', 'chat');
    await limiter.peek('warm up', 'chat');
    const sent = await commandsOf(async () => {
      await limiter.consume('ada', 'chat');
      await limiter.consumeAll('ada', ['chat', 'hourly', 'quota', 'tokens']);
      await limiter.peek('ada', 'chat');
    });
    expect(sent).toEqual({ evalsha: 3 });
  });

  it('are none for a key that was just denied, and one for a call that costs less than the denied one', async () => {
    const { limiter } = makeAlone();
    await limiter.consume('ada', 'hourly', { cost: 95 });
    const denied = await outcome(limiter.consume('ada', 'hourly', { cost: 10 }));
    expect(denied).toMatchObject({ outcome: 'limited', decidedBy: 'redis' });
    const sent = await commandsOf(async () => {
      for (let call = 0; call < 100; call += 1) {
        const again = await outcome(limiter.consume('ada', 'hourly', { cost: 10 + (call % 5) }));
        expect(again).toMatchObject({ outcome: 'limited', decidedBy: 'deny-list', remaining: 5 });
        expect(again.retryAfterMs).toBeLessThanOrEqual(denied.retryAfterMs);
        expect(again.retryAfterMs).toBeGreaterThan(0);
      }
    });
    expect(sent).toEqual({});
    const less = await commandsOf(async () => {
      expect((await outcome(limiter.consume('ada', 'hourly', { cost: 5 }))).outcome).toBe('allowed');
    });
    expect(less).toEqual({ evalsha: 1 });
  });

  it('are none for several limits of which one was just denied', async () => {
    const { limiter } = makeAlone();
    await limiter.consume('ada', 'hourly', { cost: 100 });
    await limiter.consumeAll('ada', ['chat', 'hourly']);
    const sent = await commandsOf(async () => {
      const again = (await limiter.consumeAll('ada', ['chat', 'hourly']))._unsafeUnwrap();
      expect(again).toMatchObject({ outcome: 'limited', decidedBy: 'deny-list' });
      expect(again.limits.map(({ retryAfterMs }) => retryAfterMs > 0)).toEqual([false, true]);
    });
    expect(sent).toEqual({});
  });

  it('bring the scripts along where the server has forgotten them, and spend once', async () => {
    const { limiter } = makeAlone();
    await limiter.consume('ada', 'chat');
    await control.script('FLUSH');
    const sent = await commandsOf(async () => {
      expect((await outcome(limiter.consume('ada', 'chat'))).remaining).toBe(8);
      expect((await limiter.refund('ada', 'chat')).isOk()).toBe(true);
    });
    expect(sent).toEqual({ evalsha: 2, eval: 2 });
    expect((await outcome(limiter.peek('ada', 'chat'))).remaining).toBe(9);
    expect(await control.script('EXISTS', SPEND_GCRA.hash, ADJUST.hash)).toEqual([1, 1]);
  });
});

describe('processes', () => {
  it('see each other’s spending, whatever their clocks say', async () => {
    const keyPrefix = aKeyPrefix();
    const clocks = [-5_000, 0, 5_000].map((skew) => () => Date.now() + skew);
    const limiters = clocks.map((clock) => makeLimiter({ keyPrefix, clock }).limiter);
    let passed = 0;
    for (let round = 0; round < 10; round += 1) {
      for (const limiter of limiters) passed += await passing(limiter, 1, 'ada', 'hourly', { cost: 5 });
    }
    expect(passed).toBe(20);
    for (const [index, limiter] of limiters.entries()) {
      const { resetAt } = await outcome(limiter.peek('ada', 'hourly'));
      // By the clock of the one who asks.
      expect(resetAt.getTime() - (clocks[index]?.() ?? 0)).toBeGreaterThan(3_590_000);
      expect(resetAt.getTime() - (clocks[index]?.() ?? 0)).toBeLessThanOrEqual(3_600_001);
    }
  });

  it.each(['reset', 'refund'] as const)('hear of a %s within a second', async (change) => {
    const keyPrefix = aKeyPrefix();
    let monotonicMs = 0;
    const one = makeLimiter({ keyPrefix, monotonicClock: () => monotonicMs }).limiter;
    const two = makeLimiter({ keyPrefix }).limiter;
    expect(await passing(one, 101, 'ada', 'hourly')).toBe(100);
    expect((await two[change]('ada', 'hourly')).isOk()).toBe(true);
    monotonicMs = 999;
    expect((await outcome(one.consume('ada', 'hourly'))).decidedBy).toBe('deny-list');
    monotonicMs = 1_000;
    expect(await outcome(one.consume('ada', 'hourly'))).toMatchObject({
      outcome: 'allowed',
      decidedBy: 'redis',
    });
  });
});
