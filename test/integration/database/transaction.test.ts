import { sql } from 'drizzle-orm';
import { err, ok, type ResultAsync } from 'neverthrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/index.js';
import { transactionContract } from '../../contract/transactions.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const openStore = (max = 8) => createMacroStore({ database: { url: database.url, max } });

transactionContract('PostgreSQL', async () => openStore());

describe('store.transaction under concurrency', () => {
  let store: MacroStore;
  beforeAll(async () => {
    store = openStore(33);
    await database.query('create table accounts (id int primary key, balance int not null)');
    await database.query('insert into accounts select i, 100 from generate_series(1, 8) i');
  });
  afterAll(() => store.close());

  const total = async () =>
    (await database.query<{ total: number }>('select sum(balance)::int as total from accounts'))[0]?.total;

  const transfer = (worker: number, step: number) =>
    store.transaction(
      async ({ db }) => {
        const [from, to] = [1 + ((worker + step) % 8), 1 + ((worker * 3 + step * 5) % 8)];
        const [row] = await db.execute(sql`select balance from accounts where id = ${from}`);
        const { balance } = row as { balance: number };
        await db.execute(sql`update accounts set balance = ${balance - 1} where id = ${from}`);
        await db.execute(sql`update accounts set balance = balance + 1 where id = ${to}`);
        return ok(undefined);
      },
      { isolationLevel: 'serializable', retryWithinMs: 60_000 },
    );

  it('keeps a sum through a storm of 32 workers that lose serialization to each other', async () => {
    const worker = async (id: number) => {
      for (let step = 0; step < 4; step += 1) (await transfer(id, step))._unsafeUnwrap();
    };
    await Promise.all(Array.from({ length: 32 }, (_, id) => worker(id)));
    expect(await total()).toBe(800);
  });

  it('runs a deadlock victim again', async () => {
    // Both hold their first row before either asks for its second: a deadlock, every first time.
    let arrived = 0;
    let open = () => {};
    const bothHoldOne = new Promise<void>((resolve) => {
      open = resolve;
    });
    let runs = 0;
    const lockBoth = (first: number, second: number) =>
      store.transaction(async ({ db }) => {
        runs += 1;
        await db.execute(sql`update accounts set balance = balance where id = ${first}`);
        arrived += 1;
        if (arrived === 2) open();
        await bothHoldOne;
        await db.execute(sql`update accounts set balance = balance where id = ${second}`);
        return ok(undefined);
      });
    const results = await Promise.all([lockBoth(1, 2), lockBoth(2, 1)]);
    expect(results.map((result) => result.isOk())).toEqual([true, true]);
    expect(runs).toBe(3);
  });
});

describe('store.transaction on a connection that breaks', () => {
  it('gives a typed error when its backend is killed midway, and leaves the pool whole', async () => {
    await using store = openStore(1);
    const result = await store.transaction(async (tx) => {
      const [row] = await tx.db.execute(sql`select pg_backend_pid() as pid`);
      await database.query('select pg_terminate_backend($1)', [(row as { pid: number }).pid]);
      return tx.users.create({ email: 'killed@example.org' });
    });
    expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable' });
    expect((await store.users.findByEmail('killed@example.org'))._unsafeUnwrap()).toBeNull();
  });

  it('begins on another connection when its own died while idle', async () => {
    await using store = openStore(1);
    await store.users.list();
    await database.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = '@macro-ai/store' and datname = current_database()",
    );
    const result = await store.transaction((tx) => tx.users.create({ email: 'begun@example.org' }));
    expect(result.isOk()).toBe(true);
  });

  it('runs statements that were started together one after the other', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    await using store = openStore(1);
    const result = await store.transaction(async (tx) => {
      const created = await Promise.all(
        ['a', 'b', 'c'].map((name) => tx.users.create({ email: `${name}@together.org` })),
      );
      // Not awaited: it is part of the transaction all the same.
      void tx.users.create({ email: 'd@together.org' });
      return ok(created.every((user) => user.isOk()));
    });
    expect(result._unsafeUnwrap()).toBe(true);
    expect((await store.users.findByEmail('d@together.org'))._unsafeUnwrap()).not.toBeNull();
    process.off('warning', onWarning);
    expect(warnings.map((warning) => warning.message)).toEqual([]);
  });

  it('says outcome-unknown when the connection is lost during COMMIT', async () => {
    const target = new URL(database.url);
    const proxy = await startTcpProxy(Number(target.port));
    const proxied = new URL(database.url);
    proxied.port = String(proxy.port);
    proxied.hostname = '127.0.0.1';
    await using store = createMacroStore({ database: { url: proxied.href, max: 1, min: 0 } });
    const result = await store.transaction(async (tx) => {
      const created = await tx.users.create({ email: 'unknown@example.org' });
      proxy.stall(); // COMMIT is sent into a wire that delivers nothing
      setImmediate(() => proxy.cut());
      return created;
    });
    expect(result._unsafeUnwrapErr()).toMatchObject({
      kind: 'outcome-unknown',
      operation: 'store.transaction',
    });
    await proxy.close();
  });

  it('leaks no client over 1,000 mixed failures', async () => {
    await using store = openStore(4);
    const user = (await store.users.create({ email: 'mixed@example.org' }))._unsafeUnwrap();
    const connections = async () =>
      (
        await database.query<{ count: number }>(
          "select count(*)::int as count from pg_stat_activity where application_name = '@macro-ai/store' and datname = current_database()",
        )
      )[0]?.count;
    const failures: (() => ResultAsync<unknown, unknown>)[] = [
      () => store.transaction(async () => err('domain')),
      () => store.transaction<never, never>(() => Promise.reject(new Error('thrown'))),
      () => store.transaction((tx) => tx.users.create({ email: 'mixed@example.org' })),
      () => store.users.create({ email: 'mixed@example.org' }),
      () => store.chats.create({ userId: crypto.randomUUID(), title: 'no such user' }),
      () =>
        store.transaction((tx) =>
          tx.transaction((nested) => nested.users.create({ email: 'mixed@example.org' })),
        ),
      () => store.transaction(async (tx) => ok(await tx.db.execute(sql`select nonsense`))),
      () =>
        store.transaction(async (tx) =>
          ok(await tx.db.execute(sql`select pg_terminate_backend(pg_backend_pid())`)),
        ),
      () => store.users.findById(user.id, { signal: AbortSignal.abort() }),
    ];
    let failed = 0;
    const worker = async (start: number) => {
      for (let index = start; index < 1_000; index += 16) {
        const result = await failures[index % failures.length]?.();
        if (result?.isErr()) failed += 1;
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, start) => worker(start)));
    expect(failed).toBe(1_000);

    const { pool } = store;
    expect(pool?.waitingCount).toBe(0);
    expect(pool?.idleCount).toBe(pool?.totalCount);
    expect(pool?.totalCount).toBeLessThanOrEqual(4);
    expect(await connections()).toBe(pool?.totalCount);
    // Every slot can be used at the same time.
    const held = await Promise.all(Array.from({ length: 4 }, () => store.users.getById(user.id)));
    expect(held.every((result) => result.isOk())).toBe(true);
  });
});
