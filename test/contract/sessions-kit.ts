import { randomUUID } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import type { RedisConfig } from '../../src/config/redis-config.js';
import { resolveConfig } from '../../src/config.js';
import { openDatabase } from '../../src/database/database.js';
import type { Executor } from '../../src/database/executor.js';
import { createStoreExecutor } from '../../src/database/transaction.js';
import { RedisLink } from '../../src/redis/redis-link.js';
import { type OpenSessionsOptions, openSessions } from '../../src/sessions/open-sessions.js';
import { sessionKey } from '../../src/sessions/redis-sessions.js';
import { decodeSession, encodeSession, type SessionRecord } from '../../src/sessions/session-record.js';
import type { SessionStore } from '../../src/sessions/session-store.js';
import { SESSION_ID_LENGTH, userTagOf } from '../../src/sessions/session-token.js';
import { type StoreEvent, silentTelemetry } from '../../src/telemetry.js';
import type { TestDatabase } from '../support/test-database.js';

export type SessionSettings = Partial<
  Omit<OpenSessionsOptions, 'redis' | 'executor' | 'telemetry' | 'clock'>
>;

/** A place for sessions of a test's own. */
export interface SessionPlace {
  /** One process's store over it. */
  open(settings?: SessionSettings): SessionStore;
  /** Lets time go by for this user's sessions. */
  elapse(userId: string, ms: number): Promise<void>;
  close(): Promise<void>;
}

const SESSION_SETTINGS = {
  idleSeconds: 600,
  lifetimeSeconds: 3600,
  touchIntervalSeconds: 60,
  maxPerUser: 100,
  whenFull: 'end-oldest',
  maxDataBytes: 64 * 1024,
} as const;

export function memoryPlace(): SessionPlace {
  let now = 1_700_000_000_000;
  // One process has one memory: settings are those of the first `open`.
  let opened: ReturnType<typeof openSessions> | null = null;
  return {
    open(settings = {}) {
      opened ??= openSessions({
        ...SESSION_SETTINGS,
        ...settings,
        redis: null,
        executor: null,
        telemetry: silentTelemetry,
        clock: () => now,
      });
      return opened.store;
    },
    async elapse(_userId, ms) {
      now += ms;
    },
    close: async () => opened?.close(),
  };
}

export interface RedisPlace extends SessionPlace {
  readonly keyPrefix: string;
  /** A store whose connection is its own. */
  openProcess(options?: RedisProcessOptions): {
    sessions: SessionStore;
    link: RedisLink;
    events: StoreEvent[];
  };
  /** What has all sessions of a user. */
  keyOf(userId: string): string;
}

export interface RedisProcessOptions extends SessionSettings {
  redis?: Exclude<RedisConfig, false>;
  commandTimeoutMillis?: number;
  /** Of this process; default: that of the place. */
  executor?: Executor | null;
}

/** Sessions in Redis under a prefix of their own; `raw` looks at them past the store. */
export function redisPlace(
  raw: Redis | Cluster,
  redis: Exclude<RedisConfig, false>,
  executor: Executor | null = null,
): RedisPlace {
  const keyPrefix = `test:${randomUUID()}:`;
  const links: RedisLink[] = [];

  function openProcess({
    redis: target = redis,
    commandTimeoutMillis = 2_000,
    executor: ownExecutor = executor,
    ...settings
  }: RedisProcessOptions = {}) {
    const { redis: config } = resolveConfig({ redis: { ...target, keyPrefix, commandTimeoutMillis } });
    if (config === null) throw new Error('no Redis was configured');
    const events: StoreEvent[] = [];
    const telemetry = { event: (event: StoreEvent) => void events.push(event) };
    const link = new RedisLink({ config, telemetry });
    links.push(link);
    const opened = openSessions({
      ...SESSION_SETTINGS,
      ...settings,
      redis: { link, keyPrefix },
      executor: ownExecutor,
      telemetry,
      clock: Date.now,
    });
    return { sessions: opened.store, link, events };
  }

  return {
    keyPrefix,
    openProcess,
    open: (settings) => openProcess(settings).sessions,
    keyOf: (userId) => sessionKey(keyPrefix, userTagOf(userId)),
    // Its server's clock cannot be moved, so what it is compared with is.
    async elapse(userId, ms) {
      const key = sessionKey(keyPrefix, userTagOf(userId));
      for (const [id, text] of Object.entries(await raw.hgetall(key))) {
        const stored = id.length === SESSION_ID_LENGTH ? decodeSession(id, text) : null;
        if (stored === null) continue;
        await raw.hset(key, id, encodeSession({ ...stored, record: earlier(stored.record, ms) }));
      }
      const leftMs = await raw.pttl(key);
      if (leftMs > 0) await raw.pexpire(key, leftMs - ms);
    },
    async close() {
      for (const link of links) await link.close();
    },
  };
}

function earlier(record: SessionRecord, ms: number): SessionRecord {
  return {
    ...record,
    createdAtMs: record.createdAtMs - ms,
    lastSeenAtMs: record.lastSeenAtMs - ms,
    expiresAtMs: record.expiresAtMs - ms,
    endsAtMs: record.endsAtMs - ms,
  };
}

/** The rows of sessions, in a database of a test's own or embedded. */
export interface SessionRows {
  readonly executor: Executor;
  query(sql: string, params?: unknown[]): Promise<readonly Record<string, unknown>[]>;
  empty(): Promise<void>;
  close(): Promise<void>;
}

export async function sessionRows(database: TestDatabase): Promise<SessionRows> {
  const { database: config } = resolveConfig({ database: { url: database.url } });
  const opened = openDatabase(config, silentTelemetry);
  return {
    executor: createStoreExecutor(opened.driver, silentTelemetry),
    query: (sql, params) => database.query(sql, params),
    empty: async () =>
      void (await database.query('truncate macro_store_sessions, macro_store_session_users')),
    async close() {
      await opened.close(1_000);
      await database.drop();
    },
  };
}

async function elapseInRows(rows: SessionRows, userId: string, ms: number): Promise<void> {
  const shift = `- $2::bigint * interval '1 millisecond'`;
  await rows.query(
    `update macro_store_sessions set created_at = created_at ${shift}, last_seen_at = last_seen_at ${shift},
       expires_at = expires_at ${shift}, ends_at = ends_at ${shift} where user_tag = $1`,
    [userTagOf(userId), ms],
  );
}

/** Sessions in PostgreSQL alone. */
export function postgresPlace(rows: SessionRows): SessionPlace {
  return {
    open: (settings = {}) =>
      openSessions({
        ...SESSION_SETTINGS,
        ...settings,
        redis: null,
        executor: rows.executor,
        telemetry: silentTelemetry,
        clock: Date.now,
      }).store,
    elapse: (userId, ms) => elapseInRows(rows, userId, ms),
    close: () => rows.empty(),
  };
}

/** Sessions in PostgreSQL, with Redis in front. */
export function durablePlace(
  raw: Redis | Cluster,
  redis: Exclude<RedisConfig, false>,
  rows: SessionRows,
): RedisPlace {
  const place = redisPlace(raw, redis, rows.executor);
  return {
    ...place,
    async elapse(userId, ms) {
      await place.elapse(userId, ms);
      await elapseInRows(rows, userId, ms);
    },
    async close() {
      await place.close();
      await rows.empty();
    },
  };
}
