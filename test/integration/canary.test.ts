import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { sql } from 'drizzle-orm';
import type { ResultAsync } from 'neverthrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MacroStoreConfig, MacroStoreConfigError } from '../../src/config.js';
import { createMacroStore, type MacroStore } from '../../src/create-macro-store.js';
import { type StoreError, type StoreErrorKind, unredactedCauseOf } from '../../src/errors.js';
import { MIGRATIONS } from '../../src/migrations/bundled.js';
import { parseMigration } from '../../src/migrations/migration.js';
import {
  aMessage,
  anEmbedding,
  aUser,
  aVector,
  createServerStore,
  createUserWithChat,
  failure,
  must,
  type ServerStore,
  TINY,
} from '../support/builders.js';
import { CANARY, CANARY_NUMBER, leaksOf } from '../support/canary.js';
import { queryOnce, withDatabase } from '../support/database-admin.js';
import { run as runMigrations } from '../support/migration-runs.js';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.js';
import { until } from '../support/until.js';

type Call = () => ResultAsync<unknown, StoreError>;

let made: ServerStore;
let store: MacroStore;
let chat: { userId: string; chatId: string };
const logged: unknown[] = [];
const logger = {
  info: (...line: unknown[]) => void logged.push(line),
  warn: (...line: unknown[]) => void logged.push(line),
};
const embedding = Float32Array.from(anEmbedding(1)).fill(CANARY_NUMBER, 0, 2);

beforeAll(async () => {
  made = await createServerStore();
  const { database } = made;
  store = createMacroStore({ database: { url: database.url, max: 2 }, embedding: TINY, logger });
  chat = await createUserWithChat(store, CANARY);
  // The server's errors quote what they refuse: rows, values, and what a trigger says.
  await database.query(`
    alter table chat_messages add constraint refused_check check (content !~ 'check$');
    alter table chat_vectors add constraint refused_vector check (content !~ 'check$');
    create function misbehave() returns trigger language plpgsql as $$
    begin
      if new.content ~ 'cast$' then perform new.content::int; end if;
      if new.content ~ 'raise$' then
        raise exception using message = new.content, detail = new.content, hint = new.content, column = 'content';
      end if;
      if new.content ~ 'sleep$' then perform pg_sleep(20); end if;
      return new;
    end $$;
    create trigger misbehave before insert on chat_messages for each row execute function misbehave()`);
});
afterAll(async () => {
  await store.close();
  await made[Symbol.asyncDispose]();
});

/** Secrets in all that a message has. */
const aSecretMessage = (ending: string) => ({
  ...chat,
  ...aMessage({ content: `${CANARY} ${ending}`, metadata: { [CANARY]: CANARY }, embedding }),
});

describe('an error of the server', () => {
  /** Each with what shows that the driver's own error did hold the secret. */
  const provocations: Record<string, [StoreErrorKind, Call]> = {
    'a unique violation': [
      'conflict',
      () =>
        store.users
          .create(aUser({ email: `${CANARY}@example.org` }))
          .andThen(() => store.users.create(aUser({ email: `${CANARY}@example.org` }))),
    ],
    'a check violation of a message': ['invalid-input', () => store.messages.append(aSecretMessage('check'))],
    'a check violation of many messages': [
      'invalid-input',
      () => store.messages.appendMany({ ...chat, messages: [aMessage({ content: `${CANARY} check` })] }),
    ],
    'a check violation of a vector': [
      'invalid-input',
      () =>
        store.vectors.insert({
          userId: chat.userId,
          ...aVector({ chatId: chat.chatId, content: 'check', embedding }),
        }),
    ],
    'a value of the wrong type': ['invalid-input', () => store.messages.append(aSecretMessage('cast'))],
    'an error raised by a trigger': ['internal', () => store.messages.append(aSecretMessage('raise'))],
    'an error inside a transaction': [
      'internal',
      () => store.transaction(({ messages }) => messages.append(aSecretMessage('raise'))),
    ],
    'an error inside a nested transaction': [
      'internal',
      () =>
        store.transaction((outer) =>
          outer.transaction(({ messages }) => messages.append(aSecretMessage('raise'))),
        ),
    ],
  };

  it.each(Object.entries(provocations))('shows no value: %s', async (_name, [kind, call]) => {
    const error = await failure(call());
    expect(error.kind).toBe(kind);
    expect(leaksOf(error)).toEqual([]);
    expect(leaksOf({ result: await call(), nested: [error] })).toEqual([]);
    expect(leaksOf(unredactedCauseOf(error))).not.toEqual([]);
  });

  it('shows no value when the server cancels the statement', async () => {
    const url = made.database.url;
    await using hasty = createMacroStore({
      database: { url, statementTimeoutMillis: 100 },
      embedding: TINY,
      logger,
    });
    const error = await failure(hasty.messages.append(aSecretMessage('sleep')));
    expect(error.kind).toBe('timeout');
    expect(leaksOf(error)).toEqual([]);
  });

  it('shows no value, here and in the log, when the connection is lost', async () => {
    const lines = logged.length;
    const error = await failure(
      store.transaction(async ({ messages, db }) => {
        await messages.append(aSecretMessage('kept'));
        const [backend] = await db.execute(sql`select pg_backend_pid() as pid`);
        await made.database.query('select pg_terminate_backend($1)', [backend?.['pid']]);
        await until('the loss is logged', () => logged.length > lines);
        return messages.append(aSecretMessage('lost'));
      }),
    );
    expect(error).toMatchObject({ kind: 'unavailable' });
    expect(leaksOf(error)).toEqual([]);
    expect(leaksOf(logged)).toEqual([]);
  });
});

describe('a refused input', () => {
  it('is not repeated', async () => {
    const { userId, chatId } = chat;
    const bad = { toString: () => CANARY, [Symbol.toPrimitive]: () => CANARY } as never;
    const long = CANARY.repeat(2_000_000);
    const circular: Record<string, unknown> = { secret: CANARY };
    circular['self'] = circular;
    const calls: Call[] = [
      () => store.users.create({ email: CANARY }),
      () => store.users.create(aUser({ id: CANARY, firstName: `${CANARY}\u0000`, lastName: long })),
      () => store.users.findByEmail(CANARY),
      () => store.users.findById(CANARY),
      () => store.users.list({ cursor: CANARY, limit: CANARY as never }),
      () => store.chats.create({ userId, title: `${CANARY}\ud800` }),
      () => store.chats.list({ userId: CANARY, activeSince: bad, limit: bad }),
      () => store.messages.append({ ...chat, role: CANARY as never, content: long }),
      () => store.messages.append({ ...chat, ...aMessage({ metadata: circular as never }) }),
      () => store.messages.append({ ...chat, ...aMessage({ metadata: { [CANARY]: `${CANARY}\u0000` } }) }),
      () => store.messages.search({ userId, query: `${CANARY}\u0000`, language: CANARY as never }),
      () => store.vectors.insert({ userId, ...aVector({ chatId, embedding: [CANARY_NUMBER] }) }),
      () => store.vectors.insert({ userId, ...aVector({ chatId, embedding: CANARY as never }) }),
      () => store.vectorSearch.semanticSearch([...embedding].fill(Number.NaN, 3), userId),
      () => store.vectorSearch.semanticSearch(embedding, userId, { threshold: 100 + CANARY_NUMBER }),
      () => store.cache.set(CANARY.repeat(1_000), CANARY),
      () => store.cache.set('key', CANARY, { ttlSeconds: -CANARY_NUMBER }),
    ];
    for (const call of calls) {
      const error = await failure(call());
      expect(['invalid-input', 'dimension-mismatch']).toContain(error.kind);
      expect(leaksOf(error), error.message).toEqual([]);
    }
  });

  it('in the configuration is not repeated', () => {
    const secret = CANARY as never;
    const urls = [
      `mysql://user:${CANARY}@host/db`,
      `postgresql//user:${CANARY}@host`,
      `postgresql://user:${CANARY}%E0%A4%A@host/db`,
      CANARY,
      [`postgresql://user:${CANARY}@host/db`] as never,
    ];
    const configs: MacroStoreConfig[] = [
      secret,
      { database: secret },
      { database: `postgresql://user:${CANARY}@host/db` as never },
      ...urls.map((url) => ({ database: { url, migrationUrl: url, max: secret } })),
      { database: { url: 'postgresql://host/db', tls: secret, pooler: secret, min: secret } },
      { database: { pool: secret } },
      { database: { embedded: secret } },
      { redis: secret },
      { redis: { url: `http://:${CANARY}@host` } },
      { redis: { client: secret, keyPrefix: CANARY.repeat(100) } },
      { embedding: { column: secret, dimensions: secret } },
      { cache: { memoryMaxBytes: secret }, autoMigrate: secret, logger: secret, clock: secret },
    ];
    for (const config of configs) {
      const thrown = thrownBy(() => createMacroStore(config));
      expect(thrown).toBeInstanceOf(MacroStoreConfigError);
      expect(leaksOf(thrown), `${thrown}`).toEqual([]);
    }
  });
});

describe('what the caller throws', () => {
  it('is kept out of the error of a transaction', async () => {
    const thrown = [
      new Error(CANARY, { cause: { secret: CANARY } }),
      Object.assign(new Error('x'), {
        [CANARY]: CANARY,
        detail: CANARY,
        query: CANARY,
        parameters: [CANARY],
      }),
      CANARY,
      { secret: CANARY },
    ];
    for (const value of thrown) {
      const throwing = await failure(
        store.transaction<never, never>(() => {
          throw value;
        }),
      );
      const rejecting = await failure(store.transaction<never, never>(() => Promise.reject(value)));
      for (const error of [throwing, rejecting]) {
        expect(error.kind).toBe('callback-threw');
        expect(leaksOf(error)).toEqual([]);
        expect(unredactedCauseOf(error)).toBe(value);
      }
    }
  });

  it('is kept out of the error of a cache loader', async () => {
    const error = await failure(
      store.cache.getOrSet('key', () => Promise.reject(Object.assign(new Error(CANARY), { detail: CANARY }))),
    );
    expect(error).toMatchObject({ kind: 'loader-failed' });
    expect(leaksOf(error)).toEqual([]);
  });

  it('is kept out of an aborted call', async () => {
    const signal = AbortSignal.abort(new Error(CANARY));
    const error = await failure(store.users.findById(chat.userId, { signal }));
    expect(error.kind).toBe('aborted');
    expect(leaksOf(error)).toEqual([]);
  });
});

describe('a failed migration', () => {
  it('shows no value, nor do its events', async () => {
    const events: unknown[] = [];
    const bad = parseMigration('9999_bad', `select '${CANARY}'::int`);
    const error = await failure(
      runMigrations(made.database.url, {
        migrations: [...MIGRATIONS, bad],
        embedding: TINY,
        hnsw: 'skip',
        onProgress: (event) => void events.push(event),
      }),
    );
    expect(error).toMatchObject({ kind: 'migration-failed', migrationId: '9999_bad', sqlState: '22P02' });
    expect(leaksOf(error)).toEqual([]);
    expect(leaksOf(events)).toEqual([]);
    expect(leaksOf(unredactedCauseOf(error))).not.toEqual([]);
  });
});

describe('a database that cannot be reached', () => {
  it.each([
    ['refuses connections', () => `postgresql://${CANARY}:${CANARY}@127.0.0.1:1/${CANARY}`, 'unavailable'],
    ['has no address', () => `postgresql://${CANARY}:${CANARY}@${CANARY}.invalid/${CANARY}`, 'unavailable'],
    ['does not exist', () => withDatabase(made.database.url, CANARY), 'unavailable'],
  ])('shows nothing of its URL: it %s', async (_what, urlOf, kind) => {
    const url = urlOf();
    const database = { url, connectionTimeoutMillis: 300, tls: false };
    await using unreachable = createMacroStore({ database, embedding: TINY, logger });
    const error = await failure(unreachable.users.findById(chat.userId));
    expect(error).toMatchObject({ kind });
    const migration = await failure(unreachable.migrate());
    const transaction = await failure(unreachable.transaction(({ users }) => users.list()));
    for (const value of [error, migration, transaction, logged]) expect(leaksOf(value)).toEqual([]);
  });
});

describe('a server with passwords', () => {
  let server: PostgresServer;
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'macro-store-hba-'));
    const hba = join(directory, 'pg_hba.conf');
    // The server may run as another account.
    await writeFile(hba, 'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n');
    await Promise.all([directory, hba].map((path) => chmod(path, 0o755)));
    server = await startPostgresServer({ settings: { hba_file: hba } });
    await queryOnce(server.url, `create role app login superuser password '${CANARY}'`);
  });
  afterAll(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });
  const storeWith = (password: string) =>
    createMacroStore({
      database: { url: `postgresql://app:${password}@127.0.0.1:${server.port}/postgres`, max: 2 },
      embedding: TINY,
      logger,
    });

  it('is told a wrong password, and the error is not', async () => {
    await using wrong = storeWith(`${CANARY}-wrong`);
    const calls: Call[] = [() => wrong.users.list(), () => wrong.transaction(({ users }) => users.list())];
    for (const call of calls) {
      const error = await failure(call());
      expect(error).toMatchObject({ kind: 'permission-denied', sqlState: '28P01' });
      expect(leaksOf(error)).toEqual([]);
    }
    const migration = await failure(wrong.migrate());
    expect(migration).toMatchObject({ kind: 'permission-denied' });
    expect(leaksOf(migration)).toEqual([]);
  });

  it('is used by a store and a pool that show no password when inspected', async () => {
    await using right = storeWith(CANARY);
    await must(right.migrate({ hnsw: 'skip' }));
    await must(right.users.create(aUser()));
    for (const value of [right, right.pool, right.db, right.users]) {
      expect(inspect(value, { depth: 10 })).not.toContain(CANARY);
    }
  });
});

describe('a cache without its Redis', () => {
  it('logs neither address, key nor value', async () => {
    const redis = { url: `redis://${CANARY}:${CANARY}@127.0.0.1:1` };
    await using cached = createMacroStore({ database: { url: made.database.url }, redis, logger });
    const lines = logged.length;
    await cached.cache.set(CANARY, CANARY);
    await cached.cache.getOrSet(`${CANARY}:2`, () => Promise.resolve(CANARY));
    await cached.cache.delete(CANARY);
    expect(logged.slice(lines)).not.toEqual([]);
    expect(leaksOf(logged)).toEqual([]);
    expect(inspect(cached.cache, { depth: 10 })).not.toContain(CANARY);
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
