import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { ServerDatabaseConfig } from '../../../src/config/database-config.js';
import { resolveConfig } from '../../../src/config.js';
import { openDatabase } from '../../../src/database/database.js';
import { compileStatement, parameter } from '../../../src/database/statement.js';
import { createStoreExecutor } from '../../../src/database/transaction.js';
import { migrate } from '../../../src/migrations/index.js';
import { type StoreEvent, silentTelemetry } from '../../../src/telemetry.js';
import { startPgBouncer } from '../../support/pgbouncer.js';
import { startPostgresServer } from '../../support/postgres-server.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

const sleepFor = compileStatement<{ seconds: number }, { pid: number }>(
  'test.sleep',
  sql`select pg_backend_pid() as pid, pg_sleep(${parameter('seconds')}::float8)`,
);
const ownPid = compileStatement<object, { pid: number }>('test.pid', sql`select pg_backend_pid() as pid`);
const divide = compileStatement<{ by: number }, object>(
  'test.divide',
  sql`select 1 / ${parameter('by')}::int`,
);

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** The database room alone, on a server. */
function open(settings: Partial<ServerDatabaseConfig> = {}) {
  const events: StoreEvent[] = [];
  const { database: config } = resolveConfig({ database: { url: database.url, ...settings } });
  const room = openDatabase(config, { event: (event) => events.push(event) });
  const { pool, driver } = room;
  if (pool === null) throw new Error('a server has a pool');
  return { ...room, pool, events, executor: createStoreExecutor(driver, silentTelemetry) };
}

const backends = async (applicationName = '@macro-ai/store') =>
  database.query<{ pid: number; state: string; query: string }>(
    'select pid, state, query from pg_stat_activity where application_name = $1 and datname = current_database()',
    [applicationName],
  );

describe('the pool', () => {
  it('connects with the first use, then keeps `min` connections open', async () => {
    const { executor, pool, close } = open({ min: 3, idleTimeoutMillis: 50 });
    expect(pool.totalCount).toBe(0);
    await executor.read(ownPid, {});
    await vi.waitFor(() => expect(pool.idleCount).toBe(3));
    await close(1_000);
  });

  it('never opens more than `max`, and serves a queue in order', async () => {
    const { executor, pool, close } = open({ max: 2, min: 0 });
    const results = await Promise.all(Array.from({ length: 40 }, () => executor.read(ownPid, {})));
    expect(new Set(results.map((result) => result._unsafeUnwrap()[0]?.pid)).size).toBeLessThanOrEqual(2);
    expect(pool.totalCount).toBeLessThanOrEqual(2);
    await close(1_000);
  });

  it('refuses a caller too many at once, and one that waited too long', async () => {
    const { executor, close } = open({ max: 1, min: 0, maxWaiting: 1, acquireTimeoutMillis: 300 });
    const running = executor.read(sleepFor, { seconds: 1.5 });
    await vi.waitFor(async () => expect(await backends()).toHaveLength(1));
    const waiting = executor.read(ownPid, {});
    const refused = await executor.read(ownPid, {});
    expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'pool-exhausted', reason: 'queue-full' });
    expect((await waiting)._unsafeUnwrapErr()).toMatchObject({
      kind: 'pool-exhausted',
      reason: 'acquire-timeout',
    });
    expect((await running).isOk()).toBe(true);
    expect((await executor.read(ownPid, {})).isOk()).toBe(true);
    await close(1_000);
  });

  it('keeps the connection on a harmless SQL error', async () => {
    const { executor, close } = open({ max: 1, min: 0 });
    const before = (await executor.read(ownPid, {}))._unsafeUnwrap();
    for (let round = 0; round < 5; round += 1) {
      expect((await executor.write(divide, { by: 0 }))._unsafeUnwrapErr().kind).toBe('invalid-input');
    }
    expect((await executor.read(ownPid, {}))._unsafeUnwrap()).toEqual(before);
    await close(1_000);
  });

  it('sends its settings: name, statement timeout, no JIT', async () => {
    const { executor, close } = open({ statementTimeoutMillis: 1_234 });
    const settings = compileStatement<object, Record<string, string>>(
      'test.settings',
      sql`select current_setting('application_name') as name, current_setting('statement_timeout') as timeout,
        current_setting('jit') as jit, current_setting('idle_in_transaction_session_timeout') as idle`,
    );
    const [row] = (await executor.read(settings, {}))._unsafeUnwrap();
    expect(row).toEqual({ name: '@macro-ai/store', timeout: '1234ms', jit: 'off', idle: '1min' });
    await close(1_000);
  });

  it('ends a statement that runs too long', async () => {
    const { executor, close } = open({ statementTimeoutMillis: 200 });
    const result = await executor.read(sleepFor, { seconds: 30 });
    expect(result._unsafeUnwrapErr()).toMatchObject({
      kind: 'timeout',
      operation: 'test.sleep',
      retryable: true,
    });
    await close(1_000);
  });

  it('aborts a wait for a connection, and gives the late one back', async () => {
    const { executor, pool, close } = open({ max: 1, min: 0 });
    const running = executor.read(sleepFor, { seconds: 0.3 });
    const controller = new AbortController();
    const waiting = executor.read(ownPid, {}, { signal: controller.signal });
    controller.abort();
    expect((await waiting)._unsafeUnwrapErr()).toMatchObject({ kind: 'aborted' });
    expect((await running).isOk()).toBe(true);
    await vi.waitFor(() => expect([pool.idleCount, pool.waitingCount]).toEqual([1, 0]));
    await close(1_000);
  });

  it('aborts a running statement on the server too', async () => {
    const { executor, close } = open({ max: 2, min: 0 });
    const controller = new AbortController();
    const running = executor.write(sleepFor, { seconds: 30 }, { signal: controller.signal });
    await vi.waitFor(async () => expect((await backends()).map((row) => row.state)).toContain('active'));
    controller.abort();
    expect((await running)._unsafeUnwrapErr()).toMatchObject({ kind: 'aborted' });
    expect((await backends()).filter((row) => row.state === 'active')).toEqual([]);
    expect((await executor.read(ownPid, {})).isOk()).toBe(true);
    await close(1_000);
  });

  it('tells an unreachable server, a wrong database and a refused role apart from a bug', async () => {
    const unreachable = open({
      url: 'postgresql://someone:secret@127.0.0.1:9/x',
      connectionTimeoutMillis: 200,
    });
    expect((await unreachable.executor.read(ownPid, {}))._unsafeUnwrapErr()).toMatchObject({
      kind: 'unavailable',
    });
    await unreachable.close(100);
    const wrong = new URL(database.url);
    wrong.pathname = '/no_such_database';
    const missing = open({ url: wrong.href, connectionTimeoutMillis: 200 });
    expect((await missing.executor.read(ownPid, {}))._unsafeUnwrapErr()).toMatchObject({
      kind: 'unavailable',
      sqlState: '3D000',
    });
    await missing.close(100);
    const encrypted = open({ tls: true, connectionTimeoutMillis: 200 });
    const refused = (await encrypted.executor.read(ownPid, {}))._unsafeUnwrapErr();
    expect(refused).toMatchObject({ kind: 'unavailable' });
    expect(refused.message).toContain('set tls to false');
    await encrypted.close(100);
    const migration = (await migrate({ url: database.url, tls: true }))._unsafeUnwrapErr();
    expect(migration.message).toContain('set tls to false');
  });
});

describe('a backend that dies', () => {
  it('while idle costs nothing: the next read goes to another', async () => {
    const { executor, events, close } = open({ max: 1, min: 0 });
    const [before] = (await executor.read(ownPid, {}))._unsafeUnwrap();
    await database.query('select pg_terminate_backend($1)', [before?.pid]);
    const [after] = (await executor.read(ownPid, {}))._unsafeUnwrap();
    expect(after?.pid).not.toBe(before?.pid);
    await vi.waitFor(() =>
      expect(events).toContainEqual({ type: 'database.connection-lost', sqlState: '57P01' }),
    );
    await close(1_000);
  });

  it('under a read is tried once more; under a write is an unknown outcome', async () => {
    const { executor, close } = open({ max: 2, min: 0 });
    const killSleeper = async () => {
      const sleeper = await vi.waitFor(async () => {
        const active = (await backends()).filter((row) => row.state === 'active');
        expect(active).toHaveLength(1);
        return active[0];
      });
      await database.query('select pg_terminate_backend($1)', [sleeper?.pid]);
      return sleeper?.pid;
    };
    const read = executor.read(sleepFor, { seconds: 1 });
    const killed = await killSleeper();
    expect((await read)._unsafeUnwrap()[0]?.pid).not.toBe(killed);

    const write = executor.write(sleepFor, { seconds: 30 });
    await killSleeper();
    expect((await write)._unsafeUnwrapErr()).toMatchObject({ kind: 'outcome-unknown', retryable: false });
    await close(1_000);
  });
});

describe('a server that misbehaves', () => {
  it('restarts under load without a failed read', async () => {
    const server = await startPostgresServer();
    const { executor, close } = open({ url: server.url, max: 4, connectionTimeoutMillis: 20_000 });
    let isDone = false;
    const failures: string[] = [];
    let reads = 0;
    const reader = async () => {
      while (!isDone) {
        const result = await executor.read(ownPid, {});
        if (result.isErr()) failures.push(result.error.message);
        reads += 1;
      }
    };
    const readers = Array.from({ length: 8 }, reader);
    for (const mode of ['fast', 'immediate'] as const) {
      const seen = reads;
      await server.restart(mode);
      await vi.waitFor(() => expect(reads).toBeGreaterThan(seen + 100), { timeout: 10_000 });
    }
    isDone = true;
    await Promise.all(readers);
    expect(failures).toEqual([]);
    await close(1_000);
    await server.stop();
  });

  it('that hangs costs each call its deadline, and is used again when it goes on', async () => {
    const server = await startPostgresServer();
    const { executor, pool, close } = open({ url: server.url, max: 4, statementTimeoutMillis: 300 });
    await Promise.all(Array.from({ length: 4 }, () => executor.read(ownPid, {})));
    await server.pause();
    const results = await Promise.all(Array.from({ length: 4 }, () => executor.read(ownPid, {})));
    for (const result of results)
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'timeout', timeoutMs: 300 });
    await server.resume();
    const after = await Promise.all(Array.from({ length: 20 }, () => executor.read(ownPid, {})));
    expect(after.every((result) => result.isOk())).toBe(true);
    expect(pool.totalCount).toBeLessThanOrEqual(4);
    await close(1_000);
    await server.stop();
  });

  it('that hangs does not hold up an abort, on a borrowed pool without timeouts either', async () => {
    const server = await startPostgresServer();
    const lent = new pg.Pool({ connectionString: server.url, max: 1 });
    lent.on('error', () => {});
    const { database: config } = resolveConfig({ database: { pool: lent } });
    const room = openDatabase(config, { event: () => undefined });
    const executor = createStoreExecutor(room.driver, silentTelemetry);
    await executor.read(ownPid, {});
    const controller = new AbortController();
    const running = executor.read(sleepFor, { seconds: 60 }, { signal: controller.signal });
    await vi.waitFor(() => expect(lent.idleCount).toBe(0));
    await server.pause();
    controller.abort();
    expect((await running)._unsafeUnwrapErr()).toMatchObject({ kind: 'aborted' });
    await server.resume();
    await room.close(1_000);
    await lent.end();
    await server.stop();
  });

  it('that cannot be reached while a statement runs makes a read unavailable and a write unknown', async () => {
    const proxy = await startTcpProxy(Number(new URL(database.url).port));
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    const { executor, close } = open({ url: url.href, min: 0, connectionTimeoutMillis: 300 });
    await executor.read(ownPid, {});
    const active = () =>
      vi.waitFor(async () => expect((await backends()).map((row) => row.state)).toContain('active'));
    const write = executor.write(sleepFor, { seconds: 2 });
    await active();
    proxy.cut();
    expect((await write)._unsafeUnwrapErr()).toMatchObject({ kind: 'outcome-unknown' });
    const read = executor.read(sleepFor, { seconds: 2 });
    await active();
    await proxy.close();
    expect((await read)._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable' });
    await close(1_000);
  });
});

describe('a prepared statement', () => {
  const columns = compileStatement<{ id: number }, { id: number; label: string | null }>(
    'test.columns',
    sql`select id, label from items where id = ${parameter('id')}`,
  );
  const insert = compileStatement<{ id: number }, { label: string }>(
    'test.insert',
    sql`insert into items values (${parameter('id')}, 'new') returning label`,
  );

  it('is prepared anew when a migration changed its columns, for reads and writes', async () => {
    await database.query("create table items (id int primary key, label varchar(10) default 'x')");
    await database.query("insert into items values (1, 'one'), (2, null)");
    const { executor, close } = open({ max: 1, min: 0 });
    for (let round = 0; round < 3; round += 1) {
      expect((await executor.read(columns, { id: 1 }))._unsafeUnwrap()).toEqual([{ id: 1, label: 'one' }]);
    }
    expect((await executor.write(insert, { id: 3 })).isOk()).toBe(true);
    await database.query('alter table items alter column label type text');
    expect((await executor.read(columns, { id: 2 }))._unsafeUnwrap()).toEqual([{ id: 2, label: null }]);
    await database.query('alter table items alter column label type varchar(20)');
    expect((await executor.write(insert, { id: 4 }))._unsafeUnwrap()).toEqual([{ label: 'new' }]);
    const rows = await database.query<{ count: number }>('select count(*)::int as count from items');
    expect(rows).toEqual([{ count: 4 }]);
    await close(1_000);
  });

  it('is prepared anew when the server has forgotten it', async () => {
    const { executor, close } = open({ max: 1, min: 0 });
    const forget = compileStatement<object, object>('test.forget', sql`deallocate all`);
    await executor.read(ownPid, {});
    await executor.write(forget, {});
    expect((await executor.read(ownPid, {})).isOk()).toBe(true);
    await close(1_000);
  });

  it.each([
    ['own', (url: string) => ({ url })],
    ['borrowed', (url: string) => ({ pool: new pg.Pool({ connectionString: url, max: 1 }) })],
  ] as const)('brings every kind of value there and back on %s connections', async (_name, where) => {
    const target = where(database.url);
    const { database: config } = resolveConfig({ database: target });
    const room = openDatabase(config, { event: () => undefined });
    const executor = createStoreExecutor(room.driver, silentTelemetry);
    const echo = compileStatement<Record<string, unknown>, Record<string, unknown>>(
      'test.echo',
      sql`select ${parameter('text')}::text as text, ${parameter('none')}::text as none, ${parameter('int')}::int as int,
        ${parameter('float')}::float8 as float, ${parameter('flag')}::bool as flag, ${parameter('at')}::timestamptz as at,
        ${parameter('json')}::jsonb as json, to_json(${parameter('texts')}::text[]) as texts`,
    );
    const values = {
      text: 'a "quoted" \\ line\nand ✓',
      none: null,
      int: -7,
      float: 0.1,
      flag: true,
      at: new Date('2024-02-29T23:59:59.007Z'),
      json: { a: [1, null, 'x'] },
      texts: ['', 'NULL', '{a,b}', 'back\\slash', 'quo"te', 'comma, space ', null, 'line\n✓'],
    };
    for (let round = 0; round < 3; round += 1) {
      const [row] = (
        await executor.read(echo, { ...values, json: JSON.stringify(values.json) })
      )._unsafeUnwrap();
      expect(row).toEqual(values);
    }
    await room.close(1_000);
    if ('pool' in target) await target.pool.end();
  });

  it.each([
    '0001-01-01T00:00:00.000Z',
    '0099-12-31T23:59:59.999Z',
    '1969-12-31T23:59:59.100Z',
    '2026-11-22T08:09:10.010Z',
    '9999-12-31T23:59:59.999Z',
  ])('reads the instant %s to the millisecond, in any time zone', async (instant) => {
    const inZone = compileStatement<{ at: string; zone: string }, { at: Date }>(
      'test.instant',
      sql`with zone as materialized (select set_config('timezone', ${parameter('zone')}, true))
        select ${parameter('at')}::timestamptz(3) as at from zone`,
    );
    const { executor, close } = open({ max: 1, min: 0 });
    for (const zone of ['UTC', 'America/St_Johns', 'Asia/Kathmandu']) {
      const [row] = (await executor.read(inZone, { at: instant, zone }))._unsafeUnwrap();
      expect(row?.at.toISOString()).toBe(instant);
    }
    await close(1_000);
  });
});

describe('closing', () => {
  it('may be called twice, and refuses what comes after with a typed error', async () => {
    const { executor, close } = open();
    await executor.read(ownPid, {});
    const first = close(1_000);
    expect(close(1_000)).toBe(first);
    await first;
    expect((await executor.read(ownPid, {}))._unsafeUnwrapErr()).toMatchObject({ kind: 'closed' });
    // Statements that an earlier test cut off may still run; theirs is the only state allowed.
    expect((await backends()).filter((row) => row.state !== 'active')).toEqual([]);
  });

  it('lets a running statement finish, and refuses those that wait', async () => {
    const { executor, close } = open({ max: 1, min: 0 });
    const running = executor.read(sleepFor, { seconds: 0.3 });
    const waiting = executor.read(ownPid, {});
    await vi.waitFor(async () => expect((await backends()).map((row) => row.state)).toContain('active'));
    await close(10_000);
    expect((await running).isOk()).toBe(true);
    expect((await waiting)._unsafeUnwrapErr()).toMatchObject({ kind: 'closed' });
  });

  it('cuts off what runs past its deadline', async () => {
    const { executor, close } = open({ max: 1, min: 0 });
    const running = executor.write(sleepFor, { seconds: 60 });
    await vi.waitFor(async () => expect((await backends()).map((row) => row.state)).toContain('active'));
    await close(50);
    expect((await running)._unsafeUnwrapErr()).toMatchObject({ kind: 'outcome-unknown' });
  });

  it('does not wait for work that never ends, nor for a server that does not answer', async () => {
    const server = await startPostgresServer();
    const room = open({ url: server.url, min: 2 });
    await room.executor.read(ownPid, {});
    const session = await room.driver.begin('test', '', {}); // and nobody ends it
    await vi.waitFor(() => expect(room.pool.totalCount).toBeGreaterThan(1));
    await server.pause();
    await room.close(50);
    expect(room.pool.totalCount).toBe(0);
    await session.rollback();
    await server.resume();
    await server.stop();
  });

  it('leaves a borrowed pool open and without our listeners', async () => {
    const lent = new pg.Pool({ connectionString: database.url, max: 2 });
    const { database: config } = resolveConfig({ database: { pool: lent } });
    const room = openDatabase(config, { event: () => undefined });
    const executor = createStoreExecutor(room.driver, silentTelemetry);
    expect((await executor.read(ownPid, {})).isOk()).toBe(true);
    await room.close(1_000);
    expect(lent.listenerCount('error')).toBe(0);
    const client = await lent.connect();
    expect(client.listenerCount('error')).toBe(0);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    client.release();
    await lent.end();
  });

  it('leaves no handle: a process that used a store ends by itself', async () => {
    const program = `
      import { createMacroStore } from ${JSON.stringify(new URL('../../../src/index.ts', import.meta.url).href)};
      const store = createMacroStore({
        database: { url: ${JSON.stringify(database.url)} }, redis: { url: ${JSON.stringify(inject('redisUrl'))} } });
      await store.users.list();
      await store.cache.set('key', 1);
      await store.close();`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: 'inherit',
    });
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  });
});

describe('behind PgBouncer in transaction mode', () => {
  it('works with pooler: transaction, and says what to set without it', async () => {
    const bouncer = await startPgBouncer({ postgresUrl: database.url, poolMode: 'transaction' });
    const { executor, close } = open({ url: bouncer.url, max: 8, pooler: 'transaction' });
    const results = await Promise.all(Array.from({ length: 100 }, () => executor.read(ownPid, {})));
    expect(results.every((result) => result.isOk())).toBe(true);
    await close(1_000);
    const plain = open({ url: bouncer.url, connectionTimeoutMillis: 200 });
    const refused = (await plain.executor.read(ownPid, {}))._unsafeUnwrapErr();
    expect(refused).toMatchObject({ kind: 'unavailable' });
    expect(refused.message).toContain("database.pooler to 'transaction'");
    await plain.close(1_000);
    await bouncer.stop();
  });
});
