import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RateLimit } from '../../src/config/rate-limit-config.js';
import type { RateLimiter } from '../../src/rate-limits/rate-limiter.js';
import { aKeyPrefix } from '../contract/cache-kit.js';
import { makeRedisLimiter, outcome, passing, type RedisLimiterOptions } from '../contract/rate-limit-kit.js';
import { startRedisCluster } from '../support/redis-cluster.js';
import { startRedisSentinel } from '../support/redis-sentinel.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const DEADLINE_MS = 250;
// A bound for a busy machine: without deadlines these calls take seconds or never end.
const GENEROUS_MS = 10 * DEADLINE_MS;

const hour = { limit: 100, windowSeconds: 3_600 };
const LIMITS = {
  local: hour,
  open: { ...hour, whenUnavailable: 'open' },
  closed: { ...hour, whenUnavailable: 'closed' },
} as const satisfies Record<string, RateLimit>;

let server: RedisServer;
let proxy: TcpProxy;
let raw: Redis;
let endings: (() => unknown)[];

beforeEach(async () => {
  // Every write is on disk before it is answered, so that a restart tells what was run.
  server = await startRedisServer({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  proxy = await startTcpProxy(server.port);
  raw = new Redis(server.url);
  raw.on('error', () => undefined);
  endings = [];
});
afterEach(async () => {
  server.continueProcess();
  proxy.resume();
  for (const end of endings.reverse()) await end();
  raw.disconnect();
  await proxy.close();
  await server.stop();
});

function makeLimiter(options: Partial<RedisLimiterOptions> = {}) {
  const made = makeRedisLimiter({
    config: { url: `redis://127.0.0.1:${proxy.port}` },
    rateLimits: LIMITS,
    commandTimeoutMillis: DEADLINE_MS,
    ...options,
  });
  endings.push(() => made.close());
  return made;
}

const peek = async (limiter: RateLimiter, limit = 'local') => outcome(limiter.peek('ada', limit));

async function back(limiter: RateLimiter): Promise<void> {
  await vi.waitFor(async () => expect((await peek(limiter)).decidedBy).toBe('redis'), 20_000);
}

async function withinBound<T>(call: PromiseLike<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await call;
  expect(performance.now() - startedAt).toBeLessThan(GENEROUS_MS);
  return result;
}

const spentMicros = async (keyPrefix: string) => Number(await raw.get(`${keyPrefix}limit:{ada}local`));

describe('a cost that was spent, and whose answer never came', () => {
  const losses: [string, (limiter: RateLimiter) => Promise<unknown>][] = [
    [
      'as the server was killed',
      async () => {
        await server.kill();
        await server.restart();
      },
    ],
    ['as the connection was cut', async () => proxy.cut()],
    ['in time', async () => new Promise((resolve) => setTimeout(resolve, 2 * DEADLINE_MS))],
  ];

  it.each(losses)('is spent once: %s', async (_, lose) => {
    const { limiter, keyPrefix } = makeLimiter();
    // The server has to see the script first, which takes a second trip.
    await limiter.consume('bob', 'local');
    // The script arrives and runs; its answer does not come back.
    proxy.delay(60_000);
    const call = outcome(limiter.consume('ada', 'local', { cost: 10 }));
    await until('the script has run', async () => (await spentMicros(keyPrefix)) > 0);
    await lose(limiter);
    expect(await withinBound(call)).toMatchObject({ outcome: 'allowed', decidedBy: 'local' });
    proxy.delay(0);
    proxy.cut();
    await back(limiter);
    expect((await peek(limiter)).remaining).toBe(90);
    expect((await outcome(limiter.consume('ada', 'local'))).remaining).toBe(89);
  });

  it('is not spent where it never reached a script, and is not sent later', async () => {
    const { limiter } = makeLimiter();
    await limiter.consume('bob', 'local');
    server.stopProcess();
    const call = outcome(limiter.consume('ada', 'local', { cost: 10 }));
    // It is in the server's socket, and nobody reads it any more.
    await new Promise((resolve) => setTimeout(resolve, DEADLINE_MS / 5));
    await server.kill();
    expect((await withinBound(call)).decidedBy).toBe('local');
    await server.restart();
    await back(limiter);
    expect((await peek(limiter)).remaining).toBe(100);
  });

  it('is not spent after its caller has given up, by a server that did not know the script', async () => {
    const { limiter, keyPrefix } = makeLimiter();
    await peek(limiter);
    await raw.script('FLUSH');
    await raw.config('RESETSTAT');
    proxy.delay(2 * DEADLINE_MS);
    expect((await withinBound(outcome(limiter.consume('ada', 'local')))).decidedBy).toBe('local');
    // By then it is known here that the server does not have it.
    await new Promise((resolve) => setTimeout(resolve, 4 * DEADLINE_MS));
    expect(await raw.info('commandstats')).toContain('failed_calls=1');
    expect(await raw.info('commandstats')).not.toContain('cmdstat_eval:');
    expect(await spentMicros(keyPrefix)).toBe(0);
  });

  it('is spent once by each of many calls that meet a server without the script', async () => {
    const { limiter } = makeLimiter();
    await peek(limiter);
    await raw.script('FLUSH');
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () => outcome(limiter.consume('ada', 'local'))),
    );
    expect(outcomes.every(({ decidedBy }) => decidedBy === 'redis')).toBe(true);
    expect((await peek(limiter)).remaining).toBe(50);
  });
});

describe('Redis out of reach', () => {
  const outages: [string, () => Promise<void>, () => Promise<void>][] = [
    ['hangs', async () => server.stopProcess(), async () => server.continueProcess()],
    ['is killed', () => server.kill(), () => server.restart()],
  ];

  it.each(outages)('is what the outcome says, by choice of the limit, as it %s', async (_, begin, end) => {
    const { limiter, events } = makeLimiter();
    for (const limit of Object.keys(LIMITS)) await peek(limiter, limit);
    await begin();

    expect(await withinBound(outcome(limiter.consume('ada', 'open')))).toMatchObject({
      outcome: 'unavailable',
      allowed: true,
      decidedBy: 'policy',
      retryAfterMs: 0,
    });
    expect(await withinBound(outcome(limiter.consume('ada', 'closed')))).toMatchObject({
      outcome: 'unavailable',
      allowed: false,
      decidedBy: 'policy',
      retryAfterMs: 1_000,
    });
    expect(await withinBound(outcome(limiter.consume('ada', 'local')))).toMatchObject({
      outcome: 'allowed',
      allowed: true,
      decidedBy: 'local',
      remaining: 99,
    });
    expect(await withinBound(passing(limiter, 200, 'ada', 'local'))).toBe(99);
    expect(await outcome(limiter.consume('ada', 'local'))).toMatchObject({
      outcome: 'limited',
      decidedBy: 'local',
    });
    for (const change of [limiter.refund('ada', 'local'), limiter.reset('ada', 'open')]) {
      expect((await withinBound(change))._unsafeUnwrapErr().kind).toBe('unavailable');
    }

    await end();
    await back(limiter);
    // What was counted here meanwhile is this process's alone.
    expect((await peek(limiter)).remaining).toBeGreaterThanOrEqual(90);
    expect(events.map(({ type }) => type)).toEqual(['redis.unavailable', 'redis.recovered']);
  });

  it('decides about several limits by the strictest of them', async () => {
    const { limiter } = makeLimiter();
    await peek(limiter);
    await server.kill();
    const all = async (...limits: string[]) =>
      (
        await limiter.consumeAll(
          'ada',
          limits.map((limit) => ({ limit, cost: 60 })),
        )
      )._unsafeUnwrap();
    expect(await all('open')).toMatchObject({ outcome: 'unavailable', allowed: true });
    expect(await all('local', 'open', 'closed')).toMatchObject({ outcome: 'unavailable', allowed: false });
    expect(await all('open', 'local')).toMatchObject({ outcome: 'allowed', decidedBy: 'local' });
    const limited = await all('open', 'local');
    expect(limited).toMatchObject({ outcome: 'limited', decidedBy: 'local' });
    expect(limited.limits.map(({ name, retryAfterMs }) => [name, retryAfterMs > 0])).toEqual([
      ['open', false],
      ['local', true],
    ]);
  });

  it('settles a reservation where it was made', async () => {
    const { limiter } = makeLimiter();
    await peek(limiter);
    await server.kill();
    const reserved = (await limiter.reserve('ada', 'local', 100))._unsafeUnwrap();
    expect(reserved).toMatchObject({ allowed: true, decidedBy: 'local' });
    expect((await reserved.settle(40)).isOk()).toBe(true);
    expect((await peek(limiter)).remaining).toBe(60);
    const open = (await limiter.reserve('ada', 'open', 100))._unsafeUnwrap();
    expect((await open.settle(0)).isOk()).toBe(true);
    await server.restart();
    await back(limiter);
    expect((await peek(limiter)).remaining).toBe(100);
  });

  it('tells where a settlement was not confirmed', async () => {
    const { limiter } = makeLimiter();
    const reserved = (await limiter.reserve('ada', 'local', 100))._unsafeUnwrap();
    expect(reserved.decidedBy).toBe('redis');
    await server.kill();
    expect((await withinBound(reserved.settle(0)))._unsafeUnwrapErr().kind).toBe('unavailable');
  });
});

describe('a denial', () => {
  const one: RateLimit = { limit: 1, windowSeconds: 3 };

  it('never outlives what the server said, however late that arrives', async () => {
    let monotonicMs = 0;
    const { limiter } = makeLimiter({ commandTimeoutMillis: 5_000, monotonicClock: () => monotonicMs });
    expect((await outcome(limiter.consume('ada', { ...one, windowSeconds: 0.9 }))).allowed).toBe(true);
    proxy.delay(200);
    const call = outcome(limiter.consume('ada', { ...one, windowSeconds: 0.9 }));
    // What takes the answer so long is not added to it.
    monotonicMs = 400;
    const { decidedBy, retryAfterMs } = await call;
    expect(decidedBy).toBe('redis');
    proxy.delay(0);
    expect(retryAfterMs).toBeLessThan(1_000);
    monotonicMs = retryAfterMs - 1.5;
    expect((await outcome(limiter.consume('ada', { ...one, windowSeconds: 0.9 }))).decidedBy).toBe(
      'deny-list',
    );
    monotonicMs = retryAfterMs;
    expect((await outcome(limiter.consume('ada', { ...one, windowSeconds: 0.9 }))).decidedBy).toBe('redis');
  });

  it('is asked for again after a second, and says how long it lasts all the same', async () => {
    let monotonicMs = 0;
    const { limiter } = makeLimiter({ monotonicClock: () => monotonicMs });
    await outcome(limiter.consume('ada', { ...one, windowSeconds: 3_600 }));
    await outcome(limiter.consume('ada', { ...one, windowSeconds: 3_600 }));
    monotonicMs = 999;
    const known = await outcome(limiter.consume('ada', { ...one, windowSeconds: 3_600 }));
    expect(known.decidedBy).toBe('deny-list');
    expect(known.retryAfterMs).toBeGreaterThan(3_500_000);
    monotonicMs = 1_000;
    expect((await outcome(limiter.consume('ada', { ...one, windowSeconds: 3_600 }))).decidedBy).toBe('redis');
  });

  it.each(['reset', 'refund'] as const)('that is on its way during a %s is not kept', async (change) => {
    const { limiter } = makeLimiter({ commandTimeoutMillis: 5_000 });
    expect(await passing(limiter, 100, 'ada', 'local')).toBe(100);
    // The server has to see the script first, which takes a second trip.
    await limiter[change]('bob', 'local');
    proxy.delay(150);
    const denied = outcome(limiter.consume('ada', 'local'));
    const changed = limiter[change]('ada', 'local');
    const overtaken = outcome(limiter.consume('ada', 'local'));
    expect((await denied).outcome).toBe('limited');
    expect((await changed).isOk()).toBe(true);
    // Sent after the change, it sees it.
    expect((await overtaken).outcome).toBe('allowed');
    await limiter.refund('ada', 'local');
    expect((await outcome(limiter.consume('ada', 'local'))).decidedBy).toBe('redis');
  });
});

describe('a failover', () => {
  it('of a cluster spends no cost twice', async () => {
    const cluster = await startRedisCluster({ replicasPerMaster: 1, nodeTimeoutMs: 500 });
    endings.push(() => cluster.stop());
    const keyPrefix = aKeyPrefix();
    const { limiter } = makeLimiter({
      config: { nodes: cluster.nodes },
      keyPrefix,
      commandTimeoutMillis: 5_000,
    });
    const master = await cluster.masterOf(`${keyPrefix}limit:{ada}local`);
    await spendThroughFailover(limiter, master);
  });

  it('by Sentinel spends no cost twice', async () => {
    const servers = await startRedisSentinel();
    endings.push(() => servers.stop());
    const { limiter } = makeLimiter({ config: servers.config, commandTimeoutMillis: 5_000 });
    await spendThroughFailover(limiter, servers.master);
  });

  /** Calls begin when the master is gone: what is spent then is what the new one has answered. */
  async function spendThroughFailover(limiter: RateLimiter, master: RedisServer): Promise<void> {
    await vi.waitFor(async () => expect((await peek(limiter)).decidedBy).toBe('redis'), 10_000);
    expect(await passing(limiter, 20, 'ada', 'local')).toBe(20);
    // Replication is not waited for by Redis: what it has answered may be lost in a failover.
    const control = new Redis(master.url);
    await control.wait(1, 5_000);
    control.disconnect();

    await master.kill();
    let [asked, answered] = [0, 0];
    await until('the new master has answered some', async () => {
      asked += 1;
      if ((await outcome(limiter.consume('ada', 'local'))).decidedBy === 'redis') answered += 1;
      return answered >= 10;
    });
    expect(asked).toBeGreaterThan(answered);
    expect((await peek(limiter)).remaining).toBe(100 - 20 - answered);
  }

  it('to another server of the slot costs once: a moved slot', async () => {
    const cluster = await startRedisCluster();
    endings.push(() => cluster.stop());
    const keyPrefix = aKeyPrefix();
    const { limiter } = makeLimiter({ config: { nodes: cluster.nodes }, keyPrefix });
    expect((await outcome(limiter.consume('ada', 'local', { cost: 10 }))).remaining).toBe(90);
    const name = `${keyPrefix}limit:{ada}local`;
    const from = await cluster.masterOf(name);
    const to = cluster.masters.find((one) => one !== from);
    await cluster.moveSlotOf(name, from, to ?? from);
    expect(await outcome(limiter.consume('ada', 'local', { cost: 10 }))).toMatchObject({
      decidedBy: 'redis',
      remaining: 80,
    });
  });
});
