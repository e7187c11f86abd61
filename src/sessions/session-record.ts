/** All that is kept of a session beside its data. Instants are milliseconds since 1970. */
export interface SessionRecord {
  readonly secretHash: string;
  /** Counts the changes of data and token, from 1. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly lastSeenAtMs: number;
  /** Where it ends unless it is used before; never after `endsAtMs`. */
  readonly expiresAtMs: number;
  readonly endsAtMs: number;
  readonly idleMs: number;
  readonly about: SessionOrigin;
}

/** What does not change while a session lives. */
export interface SessionOrigin {
  readonly userId: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
}

export interface StoredSession {
  readonly id: string;
  readonly record: SessionRecord;
  readonly payload: string;
}

const RECORD = /^(\S+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) ([^\n]*)\n/;

/** Seven words that a Lua script can tell apart, the first three by their place; JSON that it passes on; the payload. */
export function encodeSession({ record, payload }: Omit<StoredSession, 'id'>): string {
  const { secretHash, version, createdAtMs, lastSeenAtMs, expiresAtMs, endsAtMs, idleMs, about } = record;
  const instants = [expiresAtMs, lastSeenAtMs].map((instant) => `${instant}`.padStart(13, '0'));
  const words = [secretHash, ...instants, version, createdAtMs, endsAtMs, idleMs];
  return `${words.join(' ')} ${encodeOrigin(about)}\n${payload}`;
}

export function encodeOrigin({ userId, ip, userAgent }: SessionOrigin): string {
  return JSON.stringify([userId, ip, userAgent]);
}

/** `null`: not a session, such as after something else wrote to its key. */
export function decodeSession(id: string, text: string): StoredSession | null {
  const [head, secretHash, expiresAtMs, lastSeenAtMs, version, createdAtMs, endsAtMs, idleMs, origin] =
    RECORD.exec(text) ?? [];
  const about = origin === undefined ? null : decodeOrigin(origin);
  if (head === undefined || secretHash === undefined || about === null) return null;
  const record = {
    secretHash,
    version: Number(version),
    createdAtMs: Number(createdAtMs),
    lastSeenAtMs: Number(lastSeenAtMs),
    expiresAtMs: Number(expiresAtMs),
    endsAtMs: Number(endsAtMs),
    idleMs: Number(idleMs),
    about,
  };
  return { id, record, payload: text.slice(head.length) };
}

function decodeOrigin(text: string): SessionOrigin | null {
  try {
    const [userId, ip, userAgent] = JSON.parse(text) as [string, string | null, string | null];
    return { userId, ip, userAgent };
  } catch {
    return null;
  }
}

/** The record of a session that is used at `nowMs`. */
export function seenAt(record: SessionRecord, nowMs: number): SessionRecord {
  return {
    ...record,
    lastSeenAtMs: nowMs,
    expiresAtMs: Math.min(nowMs + record.idleMs, record.endsAtMs),
  };
}
