import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import type { MigrationEvent } from '../../../src/migrations/events.js';
import { parseMigration } from '../../../src/migrations/migration.js';
import { dumpLedger } from '../../support/catalog-dump.js';
import { collectEvents, connectTo, gate, mustRun, run } from '../../support/migration-runs.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { createTestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

const ALL = MIGRATIONS.map(({ id }) => id);
const emptyDatabase = () => createTestDatabase({ template: false });

/** A run that has the lock and stands still until `goOn()`. */
async function startHolder(url: string) {
  const control = gate(connectTo(url));
  let pid = 0;
  let isHolding = false;
  const result = run(url, {
    connect: async () => {
      const connection = await control.connect();
      pid = connection.processId ?? 0;
      return connection;
    },
    onProgress: ({ type }) => {
      if (type !== 'ledger-ready') return;
      control.shut();
      isHolding = true;
    },
  });
  await until('the run has the lock', () => isHolding);
  return { pid, goOn: control.open, result };
}

function on(type: MigrationEvent['type'], act: () => void) {
  return (event: MigrationEvent) => {
    if (event.type === type) act();
  };
}

async function openSession(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}

describe('migrate while another runner works', () => {
  test('waits for it, and finds nothing left to do', async () => {
    await using database = await emptyDatabase();
    const holder = await startHolder(database.url);
    const waiting = collectEvents();
    const second = run(database.url, waiting);
    await until('the second run waits', () => waiting.ofType('lock-waiting').length > 0);
    holder.goOn();
    expect((await holder.result)._unsafeUnwrap().applied).toEqual(ALL);
    expect((await second)._unsafeUnwrap().applied).toEqual([]);
  });

  test('gives up in time, and names who holds the lock', async () => {
    await using database = await emptyDatabase();
    const holder = await startHolder(database.url);
    const error = (await run(database.url, { lockWaitMs: 200 }))._unsafeUnwrapErr();
    expect(error).toMatchObject({
      kind: 'migration-lock-timeout',
      retryable: true,
      holder: { pid: holder.pid, applicationName: '@macro-ai/store migrate', ageMs: expect.any(Number) },
      message: expect.stringContaining(`${holder.pid}`),
    });
    holder.goOn();
    expect((await holder.result).isOk()).toBe(true);
  });

  test('stops waiting when its signal is aborted', async () => {
    await using database = await emptyDatabase();
    const holder = await startHolder(database.url);
    const abort = new AbortController();
    const onProgress = on('lock-waiting', () => abort.abort());
    const aborted = await run(database.url, { signal: abort.signal, onProgress });
    expect(aborted._unsafeUnwrapErr().kind).toBe('aborted');
    holder.goOn();
    expect((await holder.result).isOk()).toBe(true);
  });

  test('gives unavailable when its connection drops while it waits', async () => {
    await using database = await emptyDatabase();
    const holder = await startHolder(database.url);
    const proxy = await startTcpProxy(Number(new URL(database.url).port));
    onTestFinished(() => proxy.close());
    const proxied = new URL(database.url);
    proxied.host = `127.0.0.1:${proxy.port}`;
    const onProgress = on('lock-waiting', () => proxy.cut());
    const lost = await run(proxied.href, { onProgress });
    expect(lost._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable', retryable: true });
    holder.goOn();
    expect((await holder.result)._unsafeUnwrap().applied).toEqual(ALL);
  });

  test('takes over when the server ends the other runner', async () => {
    await using database = await emptyDatabase();
    const holder = await startHolder(database.url);
    const waiting = collectEvents();
    const second = run(database.url, waiting);
    await until('the second run waits', () => waiting.ofType('lock-waiting').length > 0);
    await database.query('select pg_terminate_backend($1)', [holder.pid]);
    expect((await second)._unsafeUnwrap().applied).toEqual(ALL);
    holder.goOn();
    expect((await holder.result)._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable', retryable: true });
    expect(await dumpLedger(database)).toMatchObject(ALL.map((id) => ({ id, state: 'done' })));
  });
});

describe('migrate beside a runner that is faster', () => {
  const migrations = [parseMigration('0000_users', 'create table users (id int);')];

  /** A run before whose n-th statement another one does all there is to do. */
  async function overtakenAt(n: number) {
    await using database = await emptyDatabase();
    let sent = 0;
    const connect = async () => {
      const connection = await connectTo(database.url)();
      const query: typeof connection.query = async (text, values) => {
        sent += 1;
        if (sent === n) await mustRun(database.url, { migrations });
        return connection.query(text, values);
      };
      return { ...connection, query };
    };
    const progress = collectEvents();
    const onProgress = (event: MigrationEvent) => {
      progress.onProgress(event);
      // From here on the other one would wait for us.
      if (event.type === 'locked') sent = Number.POSITIVE_INFINITY;
    };
    const result = await run(database.url, { migrations, connect, onProgress });
    return { result, isOver: n > 1 && result.isOk() && result.value.applied.length === 1 };
  }

  test('finds nothing left to do, whenever before its lock that one comes in', async () => {
    for (let n = 1; ; n += 1) {
      const { result, isOver } = await overtakenAt(n);
      if (isOver) {
        expect(n).toBeGreaterThan(8);
        return;
      }
      expect(result.isErr() ? result.error.message : result.value.applied, `at statement ${n}`).toEqual([]);
    }
  });
});

describe('a migration behind a reader', () => {
  const ALTER = parseMigration('9000_note', 'ALTER TABLE "chats" ADD COLUMN "note" text;');
  const migrations = [...MIGRATIONS, ALTER];

  test('steps back again and again, lets reads through, and is done when the reader is', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url);
    const reader = await openSession(database.url);
    await reader.query('begin; select * from chats');
    const other = await openSession(database.url);
    let reads = 0;
    let isOver = false;
    const reading = (async () => {
      for (; !isOver; reads += 1) await other.query('select * from chats');
    })();

    const progress = collectEvents();
    const altering = run(database.url, { migrations, lockTimeoutMs: 50, ...progress });
    await until('it was tried three times', () => progress.ofType('retrying').length >= 3);
    const readsBefore = reads;
    await until('reads went on', () => reads > readsBefore);
    await reader.query('commit');
    expect((await altering)._unsafeUnwrap().applied).toEqual([ALTER.id]);
    isOver = true;
    await reading;
    expect(progress.ofType('retrying').slice(0, 3)).toEqual(
      [1, 2, 3].map((attempt) => ({ type: 'retrying', migrationId: ALTER.id, attempt, sqlState: '55P03' })),
    );
  });

  test('fails with 55P03 when the reader outlasts its retries, and keeps nothing', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url);
    const reader = await openSession(database.url);
    await reader.query('begin; select * from chats');
    const failed = await run(database.url, { migrations, lockTimeoutMs: 50, retryForMs: 0 });
    expect(failed._unsafeUnwrapErr()).toMatchObject({
      kind: 'migration-failed',
      migrationId: ALTER.id,
      step: 1,
      sqlState: '55P03',
    });
    await reader.query('commit');
    expect((await mustRun(database.url, { migrations })).applied).toEqual([ALTER.id]);
  });

  test('ends between two tries when its signal is aborted', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url);
    const reader = await openSession(database.url);
    await reader.query('begin; select * from chats');
    const abort = new AbortController();
    const onProgress = on('retrying', () => abort.abort());
    const aborted = await run(database.url, {
      migrations,
      lockTimeoutMs: 50,
      signal: abort.signal,
      onProgress,
    });
    expect(aborted._unsafeUnwrapErr().kind).toBe('aborted');
  });
});
