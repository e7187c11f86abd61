import type { ResultAsync } from 'neverthrow';
import type { CallOptions } from '../database/executor.js';
import type { StoreError } from '../errors.js';
import type { ForeignSessions } from './foreign-sessions.js';

/** Where a session is used from, for the user to recognise it by. */
export interface SessionDevice {
  readonly ip: string | null;
  readonly userAgent: string | null;
}

/** A session as its user may see it: no token, no data. */
export interface SessionSummary extends SessionDevice {
  /** Names the session, also after its token was changed; it opens nothing. */
  readonly id: string;
  readonly createdAt: Date;
  /** When it was last used, behind by `touchIntervalSeconds` at most. */
  readonly lastSeenAt: Date;
  /** When it ends if it is not used before. */
  readonly expiresAt: Date;
}

export interface Session<Data> extends SessionSummary {
  readonly userId: string;
  readonly data: Data;
  /** Counts the changes of data and token; {@link SessionStore.update} wants the one that was read. */
  readonly version: number;
}

/** A session and its token, which cannot be had again: only its hash is kept. */
export interface IssuedSession<Data> {
  readonly token: string;
  readonly session: Session<Data>;
}

export interface NewSession<Data> {
  /** Of 1 to 255 characters; any name of the user that stays. */
  readonly userId: string;
  /** Plain data, as the cache takes it; encoded at most `maxDataBytes`. */
  readonly data: Data;
  /** Cut to 64 characters of address and 512 of user agent. */
  readonly device?: { readonly ip?: string | null; readonly userAgent?: string | null };
  /** Ends it after so long without use. Above 0, at most 400 days and `lifetimeSeconds`. */
  readonly idleSeconds?: number;
  /** Ends it however much it is used. Above 0, at most 400 days. */
  readonly lifetimeSeconds?: number;
  /** From {@link SessionStore.epoch}: refuses where `revokeAll` came since. */
  readonly epoch?: string;
}

/** A session of a user by its name in `list`. */
export interface SessionRef {
  readonly userId: string;
  readonly id: string;
}

export type SessionError = StoreError<'invalid-input' | 'unavailable' | 'closed' | 'aborted'>;
export type MissingSessionError = StoreError<'not-found'>;
export type SessionConflictError = StoreError<'conflict'>;

/**
 * The sessions of signed-in users, in Redis; without Redis in this process.
 *
 * **Tokens** are 83 characters of a cookie: where the session is, and 256 random bits whose SHA-256 alone is
 * kept. A token that was made up, cut short, ended or replaced opens nothing: `get` gives `null`, what needs
 * a session is `not-found`. What is no string is `invalid-input`.
 *
 * **Ends**: after `idleSeconds` without use, after `lifetimeSeconds` in any case, by Redis's clock; when
 * revoked; when replaced by a newer one of the same user beyond `maxPerUser`. What has ended never comes back: each
 * change is one step in Redis that finds the session alive, or changes nothing.
 *
 * **Redis out of reach** is `unavailable`, within one `commandTimeoutMillis` at first and at once later. A change may
 * have happened nevertheless; `revoke` and `revokeAll` can be repeated. Nobody is let in on a guess.
 *
 * **A signal** that fires ends the wait, as `aborted`; one that has fired before, and nothing is sent. A change that was
 * sent may have happened, as with `unavailable`.
 */
export interface SessionStore<Data = unknown> {
  /**
   * Begins a session. At `maxPerUser` it ends the one that was unused longest, or, with `whenFull: 'refuse'`, is
   * `conflict` (`sessions-per-user`).
   *
   * A sign-in that takes a while can be overtaken by a `revokeAll`, such as by a change of the password that it
   * just checked: read the {@link epoch} before checking and pass it on; then it is `conflict` (`session-epoch`).
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * const created = await store.sessions.create({ userId: 'ada', data: { theme: 'dark' } });
   * if (created.isOk()) console.log(created.value.token.length); // 83
   * await store.close();
   * ```
   */
  create(
    session: NewSession<Data>,
    options?: CallOptions,
  ): ResultAsync<IssuedSession<Data>, SessionError | SessionConflictError>;

  /**
   * The token's session, or `null`. One trip, which also starts its idle time anew where that was not done for
   * `touchIntervalSeconds`; `touch: false` leaves it.
   */
  get(
    token: string,
    options?: CallOptions & { readonly touch?: boolean },
  ): ResultAsync<Session<Data> | null, SessionError>;

  /**
   * Replaces the data of the session as `version` of it was read: `conflict` (`session-version`) where it was changed
   * since, `not-found` where it ended. So of two requests that read and write one wins, and none revives it.
   */
  update(
    token: string,
    change: { readonly data: Data; readonly version: number },
    options?: CallOptions,
  ): ResultAsync<Session<Data>, SessionError | MissingSessionError | SessionConflictError>;

  /** Starts its idle time anew, unless that was done within `touchIntervalSeconds`. When it ends now. */
  touch(token: string, options?: CallOptions): ResultAsync<Date, SessionError | MissingSessionError>;

  /**
   * Gives the session a new token and ends the old one, in one step: after a change of rights. Of calls at the same
   * time one wins, the others are `not-found`. Its lifetime goes on.
   */
  rotate(
    token: string,
    options?: CallOptions,
  ): ResultAsync<IssuedSession<Data>, SessionError | MissingSessionError>;

  /** Ends a session, by its token or its name in `list`. Whether there was one. */
  revoke(session: string | SessionRef, options?: CallOptions): ResultAsync<boolean, SessionError>;

  /** The user's sessions, the most recently seen first. */
  list(userId: string, options?: CallOptions): ResultAsync<readonly SessionSummary[], SessionError>;

  /**
   * Ends all of the user's sessions, in one step, and every sign-in that holds an {@link epoch}. How many there were.
   * `except` is the token of the one that stays; `not-found`, and nothing ended, where that is none of them.
   */
  revokeAll(
    userId: string,
    options?: CallOptions & { readonly except?: string },
  ): ResultAsync<number, SessionError | MissingSessionError>;

  /**
   * Names the time until the next `revokeAll` of the user, for `create`. Known for an hour at least; of a user unheard
   * of it begins now.
   */
  epoch(userId: string, options?: CallOptions): ResultAsync<string, SessionError>;

  /**
   * These sessions with data of a type: `parse` checks all that is stored, and what is read. Data that it refuses, by
   * throwing, is `invalid-input` when written; read, it is no session, since nobody knows what it allows.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   * import { z } from 'zod';
   *
   * const store = createMacroStore();
   * const sessions = store.sessions.withData(z.object({ role: z.enum(['member', 'admin']) }).parse);
   * await sessions.create({ userId: 'ada', data: { role: 'admin' } });
   * await store.close();
   * ```
   */
  withData<T>(parse: (data: unknown) => T): SessionStore<T>;

  /**
   * Sessions of another library, in its own format, where these are: what the adapters are made of. `name`, of 1 to 64
   * letters, digits, `_` and `-`, keeps libraries apart.
   */
  foreign(name: string): ForeignSessions;
}
