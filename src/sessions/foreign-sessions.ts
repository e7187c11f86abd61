import type { ResultAsync } from 'neverthrow';
import type { CallOptions } from '../database/executor.js';
import type { SessionError } from './session-store.js';

/**
 * Texts under secret keys, for session libraries that have formats and rules of their own: what the adapters are made
 * of. Only the SHA-256 of a key is kept. Keys are of 1 to 1,024 bytes, texts of 1 MiB at most; every text has an
 * end, from a millisecond to 400 days.
 *
 * What was {@link end}ed is kept in mind for an hour, so that a slow request which read it before does not bring it
 * back: such libraries write all of a session at once, and cannot say whether it is a new one.
 */
export interface ForeignSessions {
  get(key: string, options?: CallOptions): ResultAsync<string | null, SessionError>;
  /** Whether it was stored. It is not where the key was ended within the last hour, unless `revives`. */
  set(
    key: string,
    text: string,
    options: CallOptions & { readonly ttlSeconds: number; readonly revives?: boolean },
  ): ResultAsync<boolean, SessionError>;
  /** Gives it another end. Whether it is there. */
  touch(key: string, ttlSeconds: number, options?: CallOptions): ResultAsync<boolean, SessionError>;
  /** Whether it was there. */
  end(key: string, options?: CallOptions): ResultAsync<boolean, SessionError>;
  /** Reads and deletes it; of calls at the same time one gets it. The key can be used again. */
  take(key: string, options?: CallOptions): ResultAsync<string | null, SessionError>;
  /** Adds 1 to a number, which begins at 1 and ends `ttlSeconds` after that. */
  increment(key: string, ttlSeconds: number, options?: CallOptions): ResultAsync<number, SessionError>;
  /** All texts under this name, in no order. Looks at every key of the database: for administration. */
  texts(options?: CallOptions): ResultAsync<readonly string[], SessionError>;
  /** Deletes all under this name, and forgets what was ended. Looks at every key of the database. */
  clear(options?: CallOptions): ResultAsync<void, SessionError>;
}

/** Where such texts are, by what is kept of their keys. */
export interface ForeignTier {
  get(operation: string, name: string): ResultAsync<string | null, SessionError>;
  set(
    operation: string,
    name: string,
    text: string,
    ttlMs: number,
    revives: boolean,
  ): ResultAsync<boolean, SessionError>;
  touch(operation: string, name: string, ttlMs: number): ResultAsync<boolean, SessionError>;
  end(operation: string, name: string): ResultAsync<boolean, SessionError>;
  take(operation: string, name: string): ResultAsync<string | null, SessionError>;
  increment(operation: string, name: string, ttlMs: number): ResultAsync<number, SessionError>;
  /** Of all names that begin so. */
  texts(operation: string, start: string): ResultAsync<readonly string[], SessionError>;
  clear(operation: string, start: string): ResultAsync<void, SessionError>;
  close(): void;
}

/** How long an ended key is kept in mind: longer than any request. */
export const ENDED_FOR_MS = 3_600_000;
