import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createMacroStore, type MacroStore } from '../../src/create-macro-store.js';
import type { NewVector } from '../../src/repositories/vectors.js';
import { someRows } from '../contract/vector-import.js';
import {
  aVector,
  createServerStore,
  createUserWithChat,
  failure,
  must,
  type ServerStore,
  TINY,
} from '../support/builders.js';
import { startPgBouncer } from '../support/pgbouncer.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

/** Two statements of 1,000 rows may be under way or made ready, and one row more may have been taken. */
const MOST_TAKEN = 2_001;

let made: ServerStore;
let chat: { userId: string; chatId: string };
beforeAll(async () => {
  made = await createServerStore();
});
afterAll(() => made[Symbol.asyncDispose]());
beforeEach(async () => {
  chat = await createUserWithChat(made.store);
});

const count = () => must(made.store.vectors.count(chat));

/** A store on a pool of its own. */
function open(url: string, settings: { max?: number; pooler?: 'transaction' } = {}): MacroStore {
  const store = createMacroStore({ database: { url, max: 2, ...settings }, embedding: TINY, redis: false });
  onTestFinished(() => store.close({ deadlineMs: 0 }));
  return store;
}

/** A session of somebody else. */
async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: made.database.url });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Rows, and how many of them were taken. */
function counted(rows: Iterable<NewVector>) {
  const source = { taken: 0, isClosed: false, rows: take() };
  function* take() {
    try {
      for (const row of rows) {
        source.taken += 1;
        yield row;
      }
    } finally {
      source.isClosed = true;
    }
  }
  return source;
}

/** The backend that works in the given way on this database. */
const backend = (condition: string) =>
  until(`a backend: ${condition}`, async () => {
    const [row] = await made.database.query<{ pid: number }>(
      `select pid from pg_stat_activity
        where application_name = '@macro-ai/store' and datname = current_database() and ${condition}`,
    );
    return row?.pid;
  });
const COPYING = "query like 'copy chat_vectors %'";
const BLOCKED = `${COPYING} and wait_event_type = 'Lock'`;

/** Nobody else writes to the table until the session commits. */
async function lockTable(): Promise<pg.Client> {
  const client = await connect();
  await client.query('begin');
  await client.query('lock table chat_vectors in share mode');
  return client;
}

describe('vectors.import, when its backend is killed', () => {
  it('keeps nothing, between two statements', async () => {
    let isClosed = false;
    async function* rows() {
      try {
        yield* someRows(chat, 2_500);
        const pid = await backend(`${COPYING} and state = 'idle in transaction'`);
        await made.database.query('select pg_terminate_backend($1)', [pid]);
        yield* someRows(chat, 500);
      } finally {
        isClosed = true;
      }
    }
    expect(await failure(made.store.vectors.import(rows()))).toMatchObject({ kind: 'unavailable' });
    expect(isClosed).toBe(true);
    expect(await count()).toBe(0);
  });

  it('keeps nothing, during a statement', async () => {
    const locker = await lockTable();
    const source = counted(someRows(chat, 5_000));
    const importing = failure(made.store.vectors.import(source.rows));
    await made.database.query('select pg_terminate_backend($1)', [await backend(BLOCKED)]);
    expect(await importing).toMatchObject({ kind: 'unavailable' });
    expect(source.isClosed).toBe(true);
    await locker.query('commit');
    expect(await count()).toBe(0);
  });

  it('keeps nothing while it replaces', async () => {
    const locker = await lockTable();
    const rows = someRows(chat, 5_000);
    const importing = failure(made.store.vectors.import(rows, { onConflict: 'replace' }));
    const pid = await backend("query like '%macro_store_import where%' and wait_event_type = 'Lock'");
    await made.database.query('select pg_terminate_backend($1)', [pid]);
    expect(await importing).toMatchObject({ kind: 'unavailable' });
    await locker.query('commit');
    expect(await count()).toBe(0);
  });
});

describe('vectors.import, aborted', () => {
  it('ends its statement on the server, and keeps nothing', async () => {
    const locker = await lockTable();
    const abort = new AbortController();
    const source = counted(someRows(chat, 5_000));
    const importing = failure(made.store.vectors.import(source.rows, { signal: abort.signal }));
    const pid = await backend(BLOCKED);
    abort.abort();
    expect(await importing).toMatchObject({ kind: 'aborted', operation: 'vectors.import' });
    expect(source.isClosed).toBe(true);
    await until('the server has ended it', async () => {
      const [row] = await made.database.query('select 1 from pg_stat_activity where pid = $1', [pid]);
      return row === undefined;
    });
    await locker.query('commit');
    expect(await count()).toBe(0);
  });
});

describe('vectors.import, back-pressure', () => {
  it('takes no more rows than two statements while the server waits for a lock', async () => {
    const locker = await lockTable();
    const source = counted(someRows(chat, 10_000));
    const importing = must(made.store.vectors.import(source.rows));
    await backend(BLOCKED);
    await until('all are taken that may be', () => source.taken >= MOST_TAKEN - 1);
    // It would go on by itself in the next turns of the event loop.
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(source.taken).toBeLessThanOrEqual(MOST_TAKEN);
    await locker.query('commit');
    expect((await importing).rows).toBe(10_000);
    expect(await count()).toBe(10_000);
  });

  it('takes no more rows than two statements while the wire is silent', async () => {
    const proxy = await startTcpProxy(Number(new URL(made.database.url).port));
    onTestFinished(() => proxy.close());
    const url = new URL(made.database.url);
    url.host = `127.0.0.1:${proxy.port}`;
    const store = open(url.href);
    await must(store.vectors.count(chat));
    const source = counted(someRows(chat, 10_000));
    let stalledAt = 0;
    const importing = must(
      store.vectors.import(source.rows, {
        onProgress: ({ rows }) => {
          if (rows === 0) return;
          if (stalledAt === 0) proxy.stall();
          stalledAt ||= rows;
        },
      }),
    );
    await until('the wire is silent, and all are taken that may be', () => {
      return stalledAt > 0 && source.taken >= stalledAt + MOST_TAKEN - 1;
    });
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(source.taken).toBeLessThanOrEqual(stalledAt + MOST_TAKEN);
    proxy.resume();
    expect((await importing).rows).toBe(10_000);
  });
});

describe('vectors.import, on its connection', () => {
  it('needs no second one', async () => {
    const store = open(made.database.url, { max: 1 });
    for (const onConflict of ['fail', 'replace', 'replace'] as const) {
      await must(store.vectors.import(someRows(chat, 2_500), { onConflict }));
    }
    expect(await count()).toBe(7_500);
  });

  it('leaves it fit for the next, whatever of its data was not read by the server', async () => {
    const store = open(made.database.url, { max: 1 });
    const id = await must(store.vectors.insert({ ...chat, ...aVector(chat) }));
    const content = 'x'.repeat(7_000);
    const large = () => [...someRows(chat, 1_000)].map((row) => ({ ...row, content }));
    for (let round = 0; round < 3; round += 1) {
      const rows = large();
      rows[0] = { ...rows[0], id } as NewVector;
      const result = await store.transaction((scope) =>
        scope.vectors
          .import(rows)
          .orElse(() => scope.vectors.import(large()))
          .andThen(() => scope.vectors.import(large())),
      );
      expect(result.isOk()).toBe(true);
      expect(await failure(store.vectors.import(rows))).toMatchObject({ kind: 'conflict', row: 0 });
    }
    expect(await count()).toBe(6_001);
  });

  it('may be idle for as long as the source takes, and limits that again', async () => {
    const pool = new pg.Pool({
      connectionString: made.database.url,
      options: '-c idle_in_transaction_session_timeout=50',
    });
    onTestFinished(() => pool.end());
    const store = createMacroStore({ database: { pool }, embedding: TINY, redis: false });
    async function* rows() {
      yield* someRows(chat, 1_500);
      await new Promise((resolve) => setTimeout(resolve, 200));
      yield* someRows(chat, 1);
    }
    const limit = await store.transaction((scope) =>
      scope.vectors.import(rows()).map(() => scope.db.execute('show idle_in_transaction_session_timeout')),
    );
    expect(await limit._unsafeUnwrap()).toEqual([{ idle_in_transaction_session_timeout: '50ms' }]);
    expect(await count()).toBe(1_501);
  });

  it('sends a statement for every 1,000 rows, and asks for a chat once', async () => {
    const pool = new pg.Pool({ connectionString: made.database.url, max: 1 });
    onTestFinished(() => pool.end());
    const store = createMacroStore({ database: { pool }, embedding: TINY, redis: false });
    await must(store.vectors.insert({ ...chat, ...aVector(chat) }));
    const sent: string[] = [];
    const client = await pool.connect();
    const query = client.query;
    client.query = ((statement: { name?: string; text: string }, ...rest: unknown[]) => {
      sent.push(statement.name ?? statement.text);
      return Reflect.apply(query, client, [statement, ...rest]);
    }) as typeof client.query;
    client.release();

    await must(store.vectors.import(someRows(chat, 2_500)));
    const copy = expect.stringMatching(/^copy chat_vectors/);
    const [begin, end] = [expect.stringMatching(/^vectors\.import#begin/), 'vectors.import#limit-idle'];
    expect(sent.splice(0)).toEqual([
      'begin ',
      begin,
      'vectors.import#missing',
      copy,
      copy,
      copy,
      end,
      'commit',
    ]);
    await must(store.vectors.insert({ ...chat, ...aVector(chat) }));
    expect(sent.splice(0)).toEqual([expect.stringMatching(/^vectors\.insert#\d+$/)]);
    const { userId } = chat;
    await must(store.vectors.insertMany({ userId, vectors: bodies(500) }));
    const chunk = expect.stringMatching(/^vectors\.insertMany#\d+$/);
    expect(sent.splice(0)).toEqual([chunk]);
    await must(store.vectors.insertMany({ userId, vectors: bodies(1_100) }));
    expect(sent.splice(0)).toEqual(['begin ', chunk, chunk, chunk, 'commit']);
  });
});

describe('vectors.import, into a slow table', () => {
  it('sends fewer rows a statement', async () => {
    await made.database.query(`
      create function pause() returns trigger language plpgsql as 'begin perform pg_sleep(0.0021); return new; end';
      create trigger pause before insert on chat_vectors for each row execute function pause()`);
    onTestFinished(async () => {
      await made.database.query('drop function pause cascade');
    });
    const told: number[] = [];
    const onProgress = ({ rows }: { rows: number }) => told.push(rows);
    await must(made.store.vectors.import(someRows(chat, 2_600), { onProgress }));
    // The second was made ready while the first was under way.
    expect(told).toEqual([0, 1_000, 2_000, 2_500, 2_600]);
    expect(await count()).toBe(2_600);
  });
});

const bodies = (length: number) => [...someRows(chat, length)].map(({ userId: _userId, ...body }) => body);

describe('vectors.insertMany, of several statements', () => {
  it('keeps nothing where the last one is refused, and is part of a transaction it is called in', async () => {
    const { store } = made;
    const { userId } = chat;
    const vectors = [...bodies(1_100), aVector({ chatId: randomUUID() })];
    const alone = await failure(store.vectors.insertMany({ userId, vectors }));
    expect(alone).toMatchObject({ kind: 'not-found', entity: 'chat', operation: 'vectors.insertMany' });
    expect(await count()).toBe(0);
    const inside = await store.transaction((scope) =>
      scope.vectors
        .insert({ ...chat, ...aVector(chat) })
        .andThen(() => scope.vectors.insertMany({ userId, vectors }).orElse(() => scope.vectors.count(chat))),
    );
    expect(inside._unsafeUnwrap()).toBe(1);
    expect(await count()).toBe(1);
  });
});

describe('vectors.import, on other pools', () => {
  it('works behind a pooler in transaction mode', async () => {
    const bouncer = await startPgBouncer({
      postgresUrl: made.database.url,
      poolMode: 'transaction',
      settings: { server_round_robin: '1' },
    });
    onTestFinished(() => bouncer.stop());
    const store = open(bouncer.url, { pooler: 'transaction' });
    await must(store.vectors.import(someRows(chat, 2_500)));
    const rows = [...someRows(chat, 1_200)];
    for (let round = 0; round < 2; round += 1) {
      await must(store.vectors.import(rows, { onConflict: 'replace' }));
    }
    expect(await count()).toBe(3_700);
    const [taken] = rows;
    expect(await failure(store.vectors.import([...someRows(chat, 5), taken as NewVector]))).toMatchObject({
      kind: 'conflict',
      row: 5,
    });
  });

  it('inserts through clients in pipeline mode, which have no COPY', async () => {
    const pool = new pg.Pool({ connectionString: made.database.url, pipeline: true } as pg.PoolConfig);
    onTestFinished(() => pool.end());
    const store = createMacroStore({ database: { pool }, embedding: TINY, redis: false });
    const rows = [...someRows(chat, 1_200)];
    await must(store.vectors.import(rows));
    await must(store.vectors.import(rows, { onConflict: 'replace' }));
    expect(await count()).toBe(1_200);
    expect(await failure(store.vectors.import(rows))).toMatchObject({ kind: 'conflict' });
  });
});

describe('vectors.import, races', () => {
  it('names the row whose chat is deleted after it was looked for', async () => {
    const { store } = made;
    const locker = await lockTable();
    const doomed = await createUserWithChat(store);
    const rows = [...someRows(chat, 10), ...someRows(doomed, 1), ...someRows(chat, 10)];
    const importing = failure(store.vectors.import(rows));
    await backend(BLOCKED);
    await locker.query('delete from chats where id = $1', [doomed.chatId]);
    await locker.query('commit');
    expect(await importing).toMatchObject({ kind: 'not-found', entity: 'chat', row: 10 });
    expect(await count()).toBe(0);
  });

  it('names the row whose id another user takes while it replaces', async () => {
    const { store } = made;
    const theirs = await createUserWithChat(store);
    const rows = [...someRows(chat, 1_500)];
    const other = await connect();
    await other.query('begin');
    await other.query(
      `insert into chat_vectors (id, user_id, chat_id, content, embedding) values ($1, $2, $3, '', '[1,1,1,1,1,1,1,1]')`,
      [rows[1_234]?.id, theirs.userId, theirs.chatId],
    );
    const importing = failure(store.vectors.import(rows, { onConflict: 'replace' }));
    await backend("query like '%macro_store_import where%' and wait_event_type = 'Lock'");
    await other.query('commit');
    expect(await importing).toMatchObject({ kind: 'conflict', row: 1_234 });
    expect(await count()).toBe(0);
  });

  it('names the row that a check of the database refuses', async () => {
    const refused = `add constraint no_shouting check (content <> upper(content)) not valid`;
    await made.database.query(`alter table chat_vectors ${refused}`);
    onTestFinished(async () => {
      await made.database.query('alter table chat_vectors drop constraint no_shouting');
    });
    const rows = [...someRows(chat, 1_500)];
    rows[1_100] = { ...rows[1_100], content: 'TEXT' } as NewVector;
    expect(await failure(made.store.vectors.import(rows))).toMatchObject({
      kind: 'invalid-input',
      issues: [{ path: 'rows.1100.no_shouting' }],
    });
  });
});
