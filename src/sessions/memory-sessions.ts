import { errAsync, okAsync } from 'neverthrow';
import { missingSession, overtaken } from './session-errors.js';
import { type SessionRecord, type StoredSession, seenAt } from './session-record.js';
import type { NewStoredSession, SessionLimit, SessionTier } from './session-tier.js';
import { type Credentials, EPOCH_MS, isSameHash, newEpoch } from './session-token.js';

export interface MemorySessionsOptions extends SessionLimit {
  readonly touchIntervalMs: number;
  readonly clock: () => number;
}

interface UserSessions {
  readonly epoch: string;
  /** Kept so long, even without sessions. */
  epochUntilMs: number;
  readonly byId: Map<string, StoredSession>;
}

const SWEEP_EVERY_MS = 60_000;

/** Sessions of this process alone: for tests and small tools. They end with it. */
export function createMemorySessions(options: MemorySessionsOptions): SessionTier {
  const { touchIntervalMs, maxPerUser, whenFull, clock } = options;
  const users = new Map<string, UserSessions>();
  let sweptAtMs = clock();

  function userOf(userTag: string): UserSessions {
    const user = users.get(userTag) ?? { epoch: newEpoch(), epochUntilMs: 0, byId: new Map() };
    users.set(userTag, user);
    return user;
  }

  function endExpired(userTag: string, user: UserSessions): void {
    for (const { id, record } of user.byId.values()) if (record.expiresAtMs <= clock()) user.byId.delete(id);
    if (user.byId.size === 0 && user.epochUntilMs <= clock()) users.delete(userTag);
  }

  function sweep(): void {
    if (clock() - sweptAtMs < SWEEP_EVERY_MS) return;
    sweptAtMs = clock();
    for (const [userTag, user] of users) endExpired(userTag, user);
  }

  /** The most recently seen first. */
  function liveOf(userTag: string): StoredSession[] {
    const user = users.get(userTag);
    if (user === undefined) return [];
    endExpired(userTag, user);
    return [...user.byId.values()].sort((a, b) => b.record.lastSeenAtMs - a.record.lastSeenAtMs);
  }

  function find({ userTag, id, secretHash }: Credentials): StoredSession | null {
    const stored = users.get(userTag)?.byId.get(id);
    if (stored === undefined || stored.record.expiresAtMs <= clock()) return null;
    return isSameHash(stored.record.secretHash, secretHash) ? stored : null;
  }

  function put(userTag: string, stored: StoredSession): StoredSession {
    userOf(userTag).byId.set(stored.id, stored);
    return stored;
  }

  function change(userTag: string, stored: StoredSession, to: Partial<StoredSession>): StoredSession {
    const record = to.record ?? stored.record;
    const changed = seenAt({ ...record, version: record.version + 1 }, clock());
    return put(userTag, { ...stored, ...to, record: changed });
  }

  function touched(userTag: string, stored: StoredSession): StoredSession {
    const { record } = stored;
    if (clock() - record.lastSeenAtMs < touchIntervalMs) return stored;
    return put(userTag, { ...stored, record: seenAt(record, clock()) });
  }

  return {
    create({ userTag, id, secretHash }, session) {
      sweep();
      if (session.epoch !== null && users.get(userTag)?.epoch !== session.epoch) {
        return errAsync(overtaken('sessions.create', 'epoch'));
      }
      const live = liveOf(userTag);
      if (live.length >= maxPerUser && whenFull === 'refuse') {
        return errAsync(overtaken('sessions.create', 'full'));
      }
      for (const oldest of live.slice(maxPerUser - 1)) users.get(userTag)?.byId.delete(oldest.id);
      const record = newRecord(secretHash, session, clock());
      return okAsync(put(userTag, { id, record, payload: session.payload }).record);
    },

    read(credentials, touch) {
      const stored = find(credentials);
      return okAsync(stored !== null && touch ? touched(credentials.userTag, stored) : stored);
    },

    update(credentials, version, payload) {
      const stored = find(credentials);
      if (stored === null) return errAsync(missingSession('sessions.update'));
      if (stored.record.version !== version) return errAsync(overtaken('sessions.update', 'version'));
      return okAsync(change(credentials.userTag, stored, { payload }).record);
    },

    touch(credentials) {
      const stored = find(credentials);
      if (stored === null) return errAsync(missingSession('sessions.touch'));
      return okAsync(touched(credentials.userTag, stored).record);
    },

    rotate(credentials, secretHash) {
      const stored = find(credentials);
      if (stored === null) return errAsync(missingSession('sessions.rotate'));
      return okAsync(change(credentials.userTag, stored, { record: { ...stored.record, secretHash } }));
    },

    remove({ userTag, id, secretHash }) {
      const stored = liveOf(userTag).find((session) => session.id === id);
      const isTheirs =
        stored !== undefined && (secretHash === null || isSameHash(stored.record.secretHash, secretHash));
      return okAsync(isTheirs && users.get(userTag)?.byId.delete(id) === true);
    },

    list: (userTag) => okAsync(liveOf(userTag).map(({ id, record }) => ({ id, record }))),

    removeAll(userTag, except) {
      const kept = except === null ? null : find(except);
      if (except !== null && kept === null) return errAsync(missingSession('sessions.revokeAll'));
      const live = liveOf(userTag);
      users.delete(userTag);
      if (kept === null) return okAsync(live.length);
      put(userTag, kept);
      return okAsync(live.length - 1);
    },

    epoch(userTag) {
      const user = userOf(userTag);
      user.epochUntilMs = clock() + EPOCH_MS;
      return okAsync(user.epoch);
    },

    close: () => users.clear(),
  };
}

function newRecord(secretHash: string, session: NewStoredSession, nowMs: number): SessionRecord {
  const { idleMs, lifetimeMs, about } = session;
  const endsAtMs = nowMs + lifetimeMs;
  const empty = { secretHash, version: 1, createdAtMs: nowMs, endsAtMs, idleMs, about };
  return seenAt({ ...empty, lastSeenAtMs: nowMs, expiresAtMs: endsAtMs }, nowMs);
}
