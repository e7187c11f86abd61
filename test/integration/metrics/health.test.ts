import { ok } from 'neverthrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { until } from '../../support/until.js';

let postgres: PostgresServer;
let redis: RedisServer;
beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgresServer(), startRedisServer()]);
});
afterAll(() => Promise.all([postgres.stop(), redis.stop()]));

const open = (max = 2) =>
  createMacroStore({
    database: { url: postgres.url, max, min: 0 },
    redis: { url: redis.url },
  });

/** Holds a connection of the pool until told. */
async function holdOne(store: MacroStore): Promise<() => Promise<void>> {
  let release = () => {};
  let held: Promise<unknown> = Promise.resolve();
  await new Promise<void>((enter) => {
    const work = store.transaction(async ({ db }) => {
      await db.execute('select 1');
      enter();
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return ok(undefined);
    });
    held = Promise.resolve(work);
  });
  return async () => {
    release();
    await held;
  };
}

describe('store.health', () => {
  it('is ready when both servers answer', async () => {
    await using store = open();
    expect(await store.health({ deadlineMs: 20_000 })).toMatchObject({
      status: 'ready',
      database: { state: 'up', reason: null },
      redis: { state: 'up' },
    });
  });

  it('needs no Redis where there is none', async () => {
    await using store = createMacroStore({ database: { url: postgres.url } });
    expect(await store.health({ deadlineMs: 20_000 })).toMatchObject({
      status: 'ready',
      redis: { state: 'off' },
    });
  });

  it('is degraded while Redis hangs, and ready again after', async () => {
    await using store = open();
    await store.health();
    redis.stopProcess();
    try {
      expect(await store.health()).toMatchObject({ status: 'degraded', redis: { state: 'down' } });
    } finally {
      redis.continueProcess();
    }
    await until('Redis is back', async () => (await store.health()).status === 'ready');
  });

  it('is unavailable within its deadline while PostgreSQL hangs, and ready again after', async () => {
    await using store = open();
    await store.health();
    postgres.pause();
    const started = performance.now();
    try {
      const health = await store.health({ deadlineMs: 300 });
      expect(health).toMatchObject({
        status: 'unavailable',
        database: { state: 'down', reason: 'deadline' },
      });
      expect(performance.now() - started).toBeLessThan(1_300);
    } finally {
      postgres.resume();
    }
    await until('the database is back', async () => (await store.health()).status === 'ready');
  });

  it('is unavailable, and does not throw, while nobody listens and once the store is closed', async () => {
    const store = createMacroStore({ database: { url: 'postgresql://nobody@127.0.0.1:1/none', max: 1 } });
    expect(await store.health({ deadlineMs: 200 })).toMatchObject({ status: 'unavailable' });
    await store.close();
    expect(await store.health()).toMatchObject({
      status: 'unavailable',
      database: { state: 'down', reason: 'closed' },
    });
  });

  it('sends one statement for calls at the same time', async () => {
    await using store = open();
    await store.health();
    let acquired = 0;
    store.pool?.on('acquire', () => {
      acquired += 1;
    });
    await Promise.all([store.health(), store.health(), store.health()]);
    expect(acquired).toBe(1);
  });

  it('is unavailable when all connections are held and none comes back, degraded when others have their turn', async () => {
    await using store = open(1);
    const release = await holdOne(store);
    expect(await store.health({ deadlineMs: 200 })).toMatchObject({
      status: 'unavailable',
      database: { state: 'down' },
    });
    await release();

    // Always more callers than connections: each turn is longer than nothing, and the line never empties.
    let isOver = false;
    const busy = Array.from({ length: 40 }, async () => {
      while (!isOver) await store.db.execute('select pg_sleep(0.05)');
    });
    await until('the line is long', () => (store.pool?.waitingCount ?? 0) > 30);
    const health = await store.health({ deadlineMs: 300 });
    isOver = true;
    await Promise.all(busy);
    expect(health).toMatchObject({ status: 'degraded', database: { state: 'busy' } });
  });
});

describe('store.liveness', () => {
  it('is alive before anything is opened, and while the server hangs with nobody waiting', async () => {
    await using store = open();
    expect(store.liveness()).toEqual({ isAlive: true, poolStuckSince: null });
    await store.health();
    postgres.pause();
    expect(store.liveness({ stuckAfterMs: 1 })).toEqual({ isAlive: true, poolStuckSince: null });
    postgres.resume();
  });

  it('notices a pool from which nothing comes back, and that it does again', async () => {
    await using store = open(1);
    const release = await holdOne(store);
    const waiting = Promise.resolve(store.db.execute('select 1'));
    const isStuck = () => !store.liveness({ stuckAfterMs: 50 }).isAlive;
    await until('somebody waits', () => (store.pool?.waitingCount ?? 0) > 0);
    expect(isStuck()).toBe(false);
    await until('it is noticed', isStuck);
    const { poolStuckSince } = store.liveness({ stuckAfterMs: 50 });
    expect(poolStuckSince?.getTime()).toBeLessThanOrEqual(Date.now() - 50);
    await release();
    await waiting;
    expect(store.liveness({ stuckAfterMs: 50 })).toEqual({ isAlive: true, poolStuckSince: null });
  });
});
