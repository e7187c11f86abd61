import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { hasKind, type StoreError } from '../errors.js';
import type { Telemetry } from '../telemetry.js';
import type { PostgresSessions } from './postgres-sessions.js';
import type { ChangedSessions, RedisFront } from './redis-front.js';
import { missingSession } from './session-errors.js';
import type { SessionRecord, StoredSession } from './session-record.js';
import type { SessionTier, TierError } from './session-tier.js';
import { type Credentials, newEpoch } from './session-token.js';

export interface DurableSessionsOptions {
  /** What is true: a session that is not here is none. */
  readonly rows: PostgresSessions;
  /** Read first: lacks what Redis has lost, never has what was ended. `onTouched` is called for each use it notes. */
  readonly openShared: (onTouched: (credentials: Credentials, record: SessionRecord) => void) => SessionTier;
  readonly front: RedisFront;
  readonly telemetry: Telemetry;
}

interface Changed<T> {
  readonly value: T;
  /** The session as it is now, to be put into Redis. */
  readonly stored: StoredSession | null;
  /** Sessions that ended by it. */
  readonly endedIds?: readonly string[];
}

/**
 * Sessions in PostgreSQL, read through Redis.
 *
 * A change takes the session out of Redis first, then changes the row, then puts the session back. Between the first
 * and the last step nobody else may put it, so a read of the old row that is under way ends nowhere; where the last
 * step fails, the session is read from PostgreSQL for a minute and restored after it. So Redis never has what
 * PostgreSQL has ended; and what Redis has lost, in a flush or in an outage, comes back with its next use.
 */
export function createDurableSessions({
  rows,
  openShared,
  front,
  telemetry,
}: DurableSessionsOptions): SessionTier {
  const notes = new Set<Promise<void>>();
  const shared = openShared(noteUse);

  // Not awaited: a use is not held up, and does not fail, for the note of it.
  function noteUse(credentials: Credentials, record: SessionRecord): void {
    const note = rows
      .noteSeen(credentials, record)
      .match(
        () => undefined,
        ({ kind }) => telemetry.event({ type: 'sessions.use-not-noted', kind }),
      )
      .finally(() => notes.delete(note));
    notes.add(note);
  }

  const afterNotes = <T, E>(work: () => ResultAsync<T, E>): ResultAsync<T, E> =>
    notes.size === 0 ? work() : ResultAsync.fromSafePromise(Promise.all(notes)).andThen(work);

  async function restore(
    credentials: Credentials,
    touch: boolean,
  ): Promise<Result<StoredSession | null, TierError>> {
    const { userTag } = credentials;
    const token = newEpoch();
    const claim = await front.claimRestore(userTag, token);
    const found = await rows.read(credentials, touch);
    if (claim.isOk() && claim.value) {
      await front.finishRestore(userTag, token, found.isOk() ? found.value : null);
    }
    return found;
  }

  async function change<T, E extends StoreError>(
    operation: string,
    userTag: string,
    changed: ChangedSessions,
    work: () => ResultAsync<Changed<T>, E>,
  ): Promise<Result<T, E | TierError>> {
    const token = newEpoch();
    const begun = await front.beginChange(operation, userTag, token, changed);
    if (begun.isErr()) return err(begun.error);
    const done = await work();
    if (done.isErr()) {
      // It may yet happen, unless it was refused: nobody may restore the session before that is over.
      const wasRefused = hasKind(done.error, 'not-found', 'conflict');
      if (wasRefused) await front.finishChange(operation, userTag, token, changed, null);
      return err(done.error);
    }
    const { value, stored, endedIds = [] } = done.value;
    const all = changed === 'all' ? changed : [...changed, ...endedIds];
    // What becomes of this changes nothing any more.
    await front.finishChange(operation, userTag, token, all, stored);
    return ok(value);
  }

  const changing = <T, E extends StoreError>(
    ...[operation, userTag, changed, work]: Parameters<typeof change<T, E>>
  ) => new ResultAsync(change(operation, userTag, changed, work));

  return {
    create: (credentials, session) =>
      changing('sessions.create', credentials.userTag, [], () =>
        // Which session was unused longest is to be told with what this process has seen.
        afterNotes(() => rows.createOne(credentials, session)).map(({ record, endedIds }) => ({
          value: record,
          stored: { id: credentials.id, record, payload: session.payload },
          endedIds,
        })),
      ),

    read: (credentials, touch) =>
      new ResultAsync(
        (async () => {
          const read = await shared.read(credentials, touch);
          if (read.isErr()) return rows.read(credentials, touch);
          return read.value === null ? restore(credentials, touch) : read;
        })(),
      ),

    update: (credentials, version, payload) =>
      changing('sessions.update', credentials.userTag, [credentials.id], () =>
        rows.update(credentials, version, payload).map((record) => ({
          value: record,
          stored: { id: credentials.id, record, payload },
        })),
      ),

    touch: (credentials) =>
      shared
        .touch(credentials)
        .orElse((error) =>
          error.kind === 'not-found'
            ? new ResultAsync(restore(credentials, true)).andThen((stored) =>
                stored === null ? err(missingSession('sessions.touch')) : ok(stored.record),
              )
            : rows.touch(credentials),
        ),

    rotate: (credentials, newSecretHash) =>
      changing('sessions.rotate', credentials.userTag, [credentials.id], () =>
        rows.rotate(credentials, newSecretHash).map((stored) => ({ value: stored, stored })),
      ),

    remove: (session) =>
      changing('sessions.revoke', session.userTag, [session.id], () =>
        rows.remove(session).map((value) => ({ value, stored: null })),
      ),

    list: (userTag) => afterNotes(() => rows.list(userTag)),

    removeAll: (userTag, except) =>
      changing('sessions.revokeAll', userTag, 'all', () =>
        rows.removeAll(userTag, except).map((value) => ({ value, stored: null })),
      ),

    epoch: (userTag) => rows.epoch(userTag),

    close: () => undefined,
  };
}
