import { sql } from 'drizzle-orm';
import { compileStatement, parameter } from '../database/statement.js';
import type { StoredSession } from './session-record.js';

export interface SessionRow {
  readonly id: string;
  readonly secretHash: string;
  readonly version: number;
  readonly userId: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly data: string;
  /** bigint comes as text. */
  readonly idleMs: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
  readonly endsAt: Date;
}

interface OfUser {
  readonly userTag: string;
}

interface OfSession extends OfUser {
  readonly id: string;
}

interface WithSecret extends OfSession {
  readonly secretHash: string;
}

const columns = sql`id, secret_hash as "secretHash", version, user_id as "userId", ip, user_agent as "userAgent",
  data, idle_ms as "idleMs", created_at as "createdAt", last_seen_at as "lastSeenAt", expires_at as "expiresAt",
  ends_at as "endsAt"`;

// The time of the statement, not of its transaction, which may have waited for another of the same user.
const now = sql`statement_timestamp()`;
const milliseconds = (name: string) => sql`${parameter(name)}::bigint * interval '1 millisecond'`;
const seen = sql`last_seen_at = ${now},
  expires_at = least(${now} + idle_ms * interval '1 millisecond', ends_at)`;
const isSession = sql`user_tag = ${parameter('userTag')} and id = ${parameter('id')}`;
// These are hashes: how long it takes to compare them tells nothing of the secret.
const isLiveSession = sql`${isSession} and secret_hash = ${parameter('secretHash')} and expires_at > ${now}`;

/** Locks the user's row until the transaction ends, and makes it where there is none. */
export const lockUser = compileStatement<OfUser & { newEpoch: string; keepMs: number }, { epoch: string }>(
  'sessions.lockUser',
  sql`insert into macro_store_session_users as u (user_tag, epoch, expires_at)
    values (${parameter('userTag')}, ${parameter('newEpoch')}, ${now} + ${milliseconds('keepMs')})
    on conflict (user_tag) do update set expires_at = greatest(u.expires_at, excluded.expires_at)
    returning epoch`,
);

export const deleteUser = compileStatement<OfUser, never>(
  'sessions.endEpoch',
  sql`delete from macro_store_session_users where user_tag = ${parameter('userTag')}`,
);

export interface SessionInsert extends WithSecret {
  readonly userId: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly data: string;
  readonly idleMs: number;
  readonly lifetimeMs: number;
}

export const insertSession = compileStatement<SessionInsert, SessionRow>(
  'sessions.create',
  sql`insert into macro_store_sessions (user_tag, id, secret_hash, version, user_id, ip, user_agent, data, idle_ms,
      created_at, last_seen_at, expires_at, ends_at)
    values (${parameter('userTag')}, ${parameter('id')}, ${parameter('secretHash')}, 1, ${parameter('userId')},
      ${parameter('ip')}, ${parameter('userAgent')}, ${parameter('data')}, ${parameter('idleMs')}, ${now}, ${now},
      ${now} + least(${milliseconds('idleMs')}, ${milliseconds('lifetimeMs')}), ${now} + ${milliseconds('lifetimeMs')})
    returning ${columns}`,
);

/** `isDue`: it was not seen for the interval. */
export const selectSession = compileStatement<
  OfSession & { intervalMs: number },
  SessionRow & { readonly isDue: boolean }
>(
  'sessions.get',
  sql`select ${columns}, last_seen_at <= ${now} - ${milliseconds('intervalMs')} as "isDue"
    from macro_store_sessions where ${isSession} and expires_at > ${now}`,
);

export const selectSessions = compileStatement<OfUser, SessionRow>(
  'sessions.list',
  sql`select ${columns} from macro_store_sessions
    where user_tag = ${parameter('userTag')} and expires_at > ${now} order by last_seen_at desc, id`,
);

export const updateData = compileStatement<WithSecret & { version: number; data: string }, SessionRow>(
  'sessions.update',
  sql`update macro_store_sessions set data = ${parameter('data')}, version = version + 1, ${seen}
    where ${isLiveSession} and version = ${parameter('version')}
    returning ${columns}`,
);

export const updateSecret = compileStatement<WithSecret & { newSecretHash: string }, SessionRow>(
  'sessions.rotate',
  sql`update macro_store_sessions set secret_hash = ${parameter('newSecretHash')}, version = version + 1, ${seen}
    where ${isLiveSession}
    returning ${columns}`,
);

export const updateSeen = compileStatement<WithSecret, SessionRow>(
  'sessions.touch',
  sql`update macro_store_sessions set ${seen} where ${isLiveSession} returning ${columns}`,
);

/** Of a session that was seen elsewhere. It is not moved back. */
export const noteSeen = compileStatement<WithSecret & { lastSeenAt: Date; expiresAt: Date }, never>(
  'sessions.noteSeen',
  sql`update macro_store_sessions set last_seen_at = greatest(last_seen_at, ${parameter('lastSeenAt')}::timestamptz),
      expires_at = greatest(expires_at, ${parameter('expiresAt')}::timestamptz)
    where ${isSession} and secret_hash = ${parameter('secretHash')}`,
);

export const deleteSession = compileStatement<OfSession & { secretHash: string | null }, { isLive: boolean }>(
  'sessions.revoke',
  sql`delete from macro_store_sessions
    where ${isSession} and secret_hash = coalesce(${parameter('secretHash')}, secret_hash)
    returning expires_at > ${now} as "isLive"`,
);

export const deleteSessions = compileStatement<OfUser & { ids: readonly string[] }, never>(
  'sessions.endOldest',
  sql`delete from macro_store_sessions
    where user_tag = ${parameter('userTag')} and id = any(${parameter('ids')}::text[])`,
);

export const deleteAllSessions = compileStatement<OfUser & { except: string | null }, { isLive: boolean }>(
  'sessions.revokeAll',
  sql`delete from macro_store_sessions
    where user_tag = ${parameter('userTag')} and id is distinct from ${parameter('except')}
    returning expires_at > ${now} as "isLive"`,
);

/** Some of what has expired: new sessions make room for themselves. */
export const purgeSessions = compileStatement<object, never>(
  'sessions.purge',
  sql.raw(`delete from macro_store_sessions where (user_tag, id) in (
    select user_tag, id from macro_store_sessions where expires_at <= statement_timestamp()
    order by expires_at limit 100 for update skip locked)`),
);

export const purgeUsers = compileStatement<object, never>(
  'sessions.purge#users',
  sql.raw(`delete from macro_store_session_users where user_tag in (
    select user_tag from macro_store_session_users where expires_at <= statement_timestamp()
    order by expires_at limit 100 for update skip locked)`),
);

export function storedOf(row: SessionRow): StoredSession {
  const { id, secretHash, version, userId, ip, userAgent } = row;
  return {
    id,
    payload: row.data,
    record: {
      secretHash,
      version,
      createdAtMs: row.createdAt.getTime(),
      lastSeenAtMs: row.lastSeenAt.getTime(),
      expiresAtMs: row.expiresAt.getTime(),
      endsAtMs: row.endsAt.getTime(),
      idleMs: Number(row.idleMs),
      about: { userId, ip, userAgent },
    },
  };
}
