import type { ResultAsync } from 'neverthrow';
import type { StoreError } from '../errors.js';
import type { SessionOrigin, SessionRecord, StoredSession } from './session-record.js';
import type { Credentials } from './session-token.js';

/** A session that is to be, without its instants: those are of the clock that judges them later. */
export interface NewStoredSession {
  readonly payload: string;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  readonly about: SessionOrigin;
  /** Refuses where the user's epoch is no longer this one; `null`: whatever it is. */
  readonly epoch: string | null;
}

/** One of a user's sessions, without its data. */
export type ListedSession = Omit<StoredSession, 'payload'>;

export interface SessionLimit {
  /** Sessions of one user at most. */
  readonly maxPerUser: number;
  readonly whenFull: 'end-oldest' | 'refuse';
}

export type TierError = StoreError<'unavailable' | 'closed'>;
export type MissingSession = StoreError<'not-found'>;
export type OvertakenSession = StoreError<'conflict'>;

/**
 * Where sessions are. Every method is one step: nothing of another call comes between its parts. A session
 * that has ended, expired, or has another secret is not there for any of them.
 */
export interface SessionTier {
  create(
    credentials: Credentials,
    session: NewStoredSession,
  ): ResultAsync<SessionRecord, TierError | OvertakenSession>;
  /** `touch`: as {@link touch}, in the same step. */
  read(credentials: Credentials, touch: boolean): ResultAsync<StoredSession | null, TierError>;
  update(
    credentials: Credentials,
    version: number,
    payload: string,
  ): ResultAsync<SessionRecord, TierError | MissingSession | OvertakenSession>;
  /** Starts its idle time anew, unless that was done less than an interval ago. */
  touch(credentials: Credentials): ResultAsync<SessionRecord, TierError | MissingSession>;
  rotate(
    credentials: Credentials,
    newSecretHash: string,
  ): ResultAsync<StoredSession, TierError | MissingSession>;
  /** Whether there was one. `secretHash: null`: whatever its secret. */
  remove(
    credentials: Omit<Credentials, 'secretHash'> & { readonly secretHash: string | null },
  ): ResultAsync<boolean, TierError>;
  /** The most recently seen first. */
  list(userTag: string): ResultAsync<readonly ListedSession[], TierError>;
  /** How many there were. With `except`, which has to be one of them. */
  removeAll(userTag: string, except: Credentials | null): ResultAsync<number, TierError | MissingSession>;
  /** A name that the user's sessions have in common until {@link removeAll}. */
  epoch(userTag: string): ResultAsync<string, TierError>;
  close(): void;
}
