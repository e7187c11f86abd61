import { err, ok, okAsync, type Result, type ResultAsync } from 'neverthrow';
import type { CallOptions, Executor, TransactionExecutor } from '../database/executor.js';
import { hasKind, type StoreError, storeError, type WriteError } from '../errors.js';
import { missingSession, overtaken } from './session-errors.js';
import type { SessionRecord, StoredSession } from './session-record.js';
import {
  deleteAllSessions,
  deleteSession,
  deleteSessions,
  deleteUser,
  insertSession,
  lockUser,
  noteSeen,
  purgeSessions,
  purgeUsers,
  selectSession,
  selectSessions,
  storedOf,
  updateData,
  updateSecret,
  updateSeen,
} from './session-statements.js';
import type {
  MissingSession,
  NewStoredSession,
  OvertakenSession,
  SessionLimit,
  SessionTier,
  TierError,
} from './session-tier.js';
import { type Credentials, EPOCH_MS, isSameHash, newEpoch } from './session-token.js';

export interface PostgresSessionsOptions extends SessionLimit {
  readonly touchIntervalMs: number;
}

export interface CreatedSession {
  readonly record: SessionRecord;
  /** The sessions that made room for it. */
  readonly endedIds: readonly string[];
}

export interface PostgresSessions extends SessionTier {
  createOne(
    credentials: Credentials,
    session: NewStoredSession,
  ): ResultAsync<CreatedSession, TierError | OvertakenSession>;
  /** Notes that a session was seen elsewhere. */
  noteSeen(credentials: Credentials, record: SessionRecord): ResultAsync<void, TierError>;
}

/** How long PostgreSQL may take: users wait for these. */
const DATABASE_DEADLINE_MS = 5_000;

/** Sessions as rows, by the clock of the database. */
export function createPostgresSessions(
  executor: Executor,
  { maxPerUser, whenFull, touchIntervalMs }: PostgresSessionsOptions,
): PostgresSessions {
  function findRow({ userTag, id, secretHash }: Credentials, on: Pick<Executor, 'read'> = executor) {
    return on
      .read(selectSession, { userTag, id, intervalMs: touchIntervalMs }, deadline())
      .map(([row]) => (row !== undefined && isSameHash(row.secretHash, secretHash) ? row : null));
  }

  function touchIfDue(credentials: Credentials): ResultAsync<StoredSession | null, StoreError> {
    return findRow(credentials).andThen((found): ResultAsync<StoredSession | null, StoreError> => {
      if (!found?.isDue) return okAsync(found && storedOf(found));
      return executor
        .write(updateSeen, credentials, deadline())
        .map(([row]) => (row === undefined ? null : storedOf(row)));
    });
  }

  function createOne(credentials: Credentials, session: NewStoredSession) {
    const operation = 'sessions.create';
    const { userTag } = credentials;
    const work = async (transaction: TransactionExecutor) => {
      const locked = await transaction.write(lockUser, { userTag, newEpoch: newEpoch(), keepMs: EPOCH_MS });
      if (locked.isErr()) return err(locked.error);
      const isEpoch = session.epoch === null || locked.value[0]?.epoch === session.epoch;
      if (!isEpoch) return err(overtaken(operation, 'epoch'));
      const live = await transaction.read(selectSessions, { userTag });
      if (live.isErr()) return err(live.error);
      if (live.value.length >= maxPerUser && whenFull === 'refuse') return err(overtaken(operation, 'full'));
      const endedIds = live.value.slice(maxPerUser - 1).map(({ id }) => id);
      const { payload, idleMs, lifetimeMs, about } = session;
      return transaction
        .write(deleteSessions, { userTag, ids: endedIds })
        .andThen(() => transaction.write(purgeSessions, {}))
        .andThen(() => transaction.write(purgeUsers, {}))
        .andThen(() =>
          transaction.write(insertSession, { ...credentials, ...about, data: payload, idleMs, lifetimeMs }),
        )
        .map((rows) => ({ endedIds, stored: rows.map(storedOf) }));
    };
    return executor
      .transaction(operation, work, deadline())
      .andThen(({ endedIds, stored: [created] }) =>
        created === undefined
          ? err(storeError('internal', operation, 'PostgreSQL gave no row back'))
          : ok({ record: created.record, endedIds }),
      )
      .mapErr((error) => (isOvertaken(error) ? error : tierError(operation, error)));
  }

  return {
    createOne,

    create: (credentials, session) => createOne(credentials, session).map(({ record }) => record),

    read: (credentials, touch) =>
      (touch ? touchIfDue(credentials) : findRow(credentials).map((row) => row && storedOf(row))).mapErr(
        (error) => tierError('sessions.get', error),
      ),

    update: (credentials, version, payload) =>
      executor
        .write(updateData, { ...credentials, version, data: payload }, deadline())
        .mapErr((error) => tierError('sessions.update', error))
        .andThen(([row]): ResultAsync<SessionRecord, TierError | MissingSession | OvertakenSession> => {
          if (row !== undefined) return okAsync(storedOf(row).record);
          return findRow(credentials)
            .mapErr((error) => tierError('sessions.update', error))
            .andThen((found) =>
              err(
                found === null ? missingSession('sessions.update') : overtaken('sessions.update', 'version'),
              ),
            );
        }),

    touch: (credentials) =>
      touchIfDue(credentials)
        .mapErr((error) => tierError('sessions.touch', error))
        .andThen((stored) => (stored === null ? err(missingSession('sessions.touch')) : ok(stored.record))),

    rotate: (credentials, newSecretHash) =>
      executor
        .write(updateSecret, { ...credentials, newSecretHash }, deadline())
        .mapErr((error) => tierError('sessions.rotate', error))
        .andThen(([row]) => (row === undefined ? err(missingSession('sessions.rotate')) : ok(storedOf(row)))),

    remove: (session) =>
      executor
        .write(deleteSession, session, deadline())
        .map((rows) => rows.some(({ isLive }) => isLive))
        .mapErr((error) => tierError('sessions.revoke', error)),

    list: (userTag) =>
      executor
        .read(selectSessions, { userTag }, deadline())
        .map((rows) => rows.map(storedOf).map(({ id, record }) => ({ id, record })))
        .mapErr((error) => tierError('sessions.list', error)),

    removeAll(userTag, except) {
      const operation = 'sessions.revokeAll';
      const work = async (
        transaction: TransactionExecutor,
      ): Promise<Result<readonly { isLive: boolean }[], WriteError | MissingSession>> => {
        // Waits for the sign-ins that are under way; those which come later find another epoch.
        const locked = await transaction.write(lockUser, { userTag, newEpoch: newEpoch(), keepMs: EPOCH_MS });
        if (locked.isErr()) return err(locked.error);
        const kept = except === null ? ok(null) : await findRow(except, transaction);
        if (kept.isErr()) return err(kept.error);
        if (except !== null && kept.value === null) return err(missingSession(operation));
        return transaction
          .write(deleteAllSessions, { userTag, except: except?.id ?? null })
          .andThen((rows) => transaction.write(deleteUser, { userTag }).map(() => rows));
      };
      return executor
        .transaction(operation, work, deadline())
        .map((rows) => rows.filter(({ isLive }) => isLive).length)
        .mapErr((error) => (isMissing(error) ? error : tierError(operation, error)));
    },

    epoch: (userTag) =>
      executor
        .write(lockUser, { userTag, newEpoch: newEpoch(), keepMs: EPOCH_MS }, deadline())
        .andThen(([row]) =>
          row === undefined ? err(storeError('internal', 'sessions.epoch', 'no row')) : ok(row.epoch),
        )
        .mapErr((error) => tierError('sessions.epoch', error)),

    noteSeen: (credentials, { lastSeenAtMs, expiresAtMs }) =>
      executor
        .write(
          noteSeen,
          { ...credentials, lastSeenAt: new Date(lastSeenAtMs), expiresAt: new Date(expiresAtMs) },
          deadline(),
        )
        .map(() => undefined)
        .mapErr((error) => tierError('sessions.touch', error)),

    close: () => undefined,
  };
}

function deadline(): CallOptions {
  return { signal: AbortSignal.timeout(DATABASE_DEADLINE_MS) };
}

function isOvertaken(error: StoreError): error is OvertakenSession {
  return hasKind(error, 'conflict') && error.operation === 'sessions.create' && error.cause === undefined;
}

function isMissing(error: StoreError): error is MissingSession {
  return error.kind === 'not-found';
}

/** Whatever keeps the database from answering, a session that cannot be looked up lets nobody in. */
function tierError(operation: string, error: StoreError): TierError {
  if (error.kind === 'closed') return error;
  return storeError('unavailable', operation, `PostgreSQL did not confirm it (${error.kind})`, {}, error);
}
