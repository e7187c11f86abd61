import { err, errAsync, ok, okAsync, type Result, type ResultAsync } from 'neverthrow';
import type { z } from 'zod';
import { invalidInput, type StoreError, storeError } from '../errors.js';
import { checkInput } from '../input.js';
import { untilAborted } from '../redis/until-aborted.js';
import { createForeignSessions } from './create-foreign-sessions.js';
import type { ForeignTier } from './foreign-sessions.js';
import { createDataCodec, type SessionDataCodec } from './session-data.js';
import { missingSession } from './session-errors.js';
import {
  getInput,
  newSession,
  revokeAllInput,
  sessionRef,
  tokenInput,
  toMs,
  updateInput,
  userInput,
} from './session-input.js';
import type { Session, SessionError, SessionRef, SessionStore, SessionSummary } from './session-store.js';
import type { ListedSession, SessionTier } from './session-tier.js';
import { type Credentials, issueToken, newSessionId, parseToken, userTagOf } from './session-token.js';

export interface SessionStoreOptions {
  readonly tier: SessionTier;
  readonly foreign: ForeignTier;
  readonly idleSeconds: number;
  readonly lifetimeSeconds: number;
  readonly maxDataBytes: number;
  readonly isClosed: () => boolean;
}

/** Makes the store of sessions over a tier; connects to nothing before its first call. */
export function createSessionStore(options: SessionStoreOptions): SessionStore {
  return storeOf(
    options,
    createDataCodec(options.maxDataBytes, (data) => data),
  );
}

function storeOf<Data>(options: SessionStoreOptions, codec: SessionDataCodec<Data>): SessionStore<Data> {
  const { tier, isClosed } = options;
  const newSessionInput = newSession(options);

  function check<T>(
    operation: string,
    schema: z.ZodType<T>,
    input: unknown,
  ): Result<T, StoreError<'invalid-input' | 'closed'>> {
    if (isClosed()) return err(storeError('closed', operation, 'the store was closed'));
    return checkInput(operation, schema, input);
  }

  /** For what needs a session: `not-found` where the token cannot be one's. */
  function withToken<T, E>(
    operation: string,
    token: string,
    use: (credentials: Credentials) => ResultAsync<T, E>,
  ): ResultAsync<T, E | StoreError<'invalid-input' | 'closed' | 'not-found'>> {
    return check(operation, tokenInput, { token }).asyncAndThen(
      (input): ResultAsync<T, E | StoreError<'not-found'>> => {
        const credentials = parseToken(input.token);
        return credentials === null ? errAsync(missingSession(operation)) : use(credentials);
      },
    );
  }

  function revoke(session: string | SessionRef): ResultAsync<boolean, SessionError> {
    const operation = 'sessions.revoke';
    if (typeof session === 'object' && session !== null) {
      return check(operation, sessionRef, session).asyncAndThen(({ userId, id }) =>
        tier.remove({ userTag: userTagOf(userId), id, secretHash: null }),
      );
    }
    return check(operation, tokenInput, { token: session }).asyncAndThen(
      ({ token }): ResultAsync<boolean, SessionError> => {
        const credentials = parseToken(token);
        return credentials === null ? okAsync(false) : tier.remove(credentials);
      },
    );
  }

  return {
    create: (session, { signal } = {}) =>
      untilAborted('sessions.create', signal, () =>
        check('sessions.create', newSessionInput, session).asyncAndThen((input) =>
          codec.encode('sessions.create', input.data).asyncAndThen(({ data, payload }) => {
            const { token, credentials } = issueToken(userTagOf(input.userId), newSessionId());
            const about = { userId: input.userId, ...input.device };
            const [idleMs, lifetimeMs] = [toMs(input.idleSeconds), toMs(input.lifetimeSeconds)];
            return tier
              .create(credentials, { payload, idleMs, lifetimeMs, about, epoch: input.epoch ?? null })
              .map((record) => ({ token, session: sessionOf({ id: credentials.id, record }, data) }));
          }),
        ),
      ),

    get(token, { touch = true, signal } = {}) {
      // Asked with every request: a schema would take as long as all the rest here.
      const isPlain = typeof token === 'string' && typeof touch === 'boolean' && !isClosed();
      if (!isPlain) {
        return check('sessions.get', getInput, { token, touch }).asyncAndThen(() => okAsync(null));
      }
      const credentials = parseToken(token);
      if (credentials === null) return okAsync(null);
      return untilAborted('sessions.get', signal, () => tier.read(credentials, touch)).map((stored) => {
        const decoded = stored && codec.decode(stored.payload);
        return decoded && sessionOf(stored, decoded.data);
      });
    },

    update: (token, change, { signal } = {}) =>
      untilAborted('sessions.update', signal, () =>
        check('sessions.update', updateInput, { token, ...change }).asyncAndThen(({ version, ...input }) =>
          codec
            .encode('sessions.update', input.data)
            .asyncAndThen(({ data, payload }) =>
              withToken('sessions.update', token, (credentials) =>
                tier
                  .update(credentials, version, payload)
                  .map((record) => sessionOf({ id: credentials.id, record }, data)),
              ),
            ),
        ),
      ),

    touch: (token, { signal } = {}) =>
      untilAborted('sessions.touch', signal, () =>
        withToken('sessions.touch', token, (credentials) =>
          tier.touch(credentials).map(({ expiresAtMs }) => new Date(expiresAtMs)),
        ),
      ),

    rotate: (token, { signal } = {}) =>
      untilAborted('sessions.rotate', signal, () =>
        withToken('sessions.rotate', token, (old) => {
          const issued = issueToken(old.userTag, old.id);
          return tier.rotate(old, issued.credentials.secretHash).andThen((stored) => {
            const decoded = codec.decode(stored.payload);
            if (decoded === null) return err(missingSession('sessions.rotate'));
            return ok({ token: issued.token, session: sessionOf(stored, decoded.data) });
          });
        }),
      ),

    revoke: (session, { signal } = {}) => untilAborted('sessions.revoke', signal, () => revoke(session)),

    list: (userId, { signal } = {}) =>
      untilAborted('sessions.list', signal, () =>
        check('sessions.list', userInput, { userId })
          .asyncAndThen((input) => tier.list(userTagOf(input.userId)))
          .map((sessions) => sessions.map(summaryOf)),
      ),

    revokeAll: (userId, { except, signal } = {}) =>
      untilAborted('sessions.revokeAll', signal, () =>
        check('sessions.revokeAll', revokeAllInput, { userId, except })
          .andThen((input) => exceptionOf(input.userId, input.except))
          .asyncAndThen((exception) => tier.removeAll(userTagOf(userId), exception)),
      ),

    epoch: (userId, { signal } = {}) =>
      untilAborted('sessions.epoch', signal, () =>
        check('sessions.epoch', userInput, { userId }).asyncAndThen((input) =>
          tier.epoch(userTagOf(input.userId)),
        ),
      ),

    foreign: (name) => createForeignSessions(options.foreign, name, isClosed),

    withData: (parse) => storeOf(options, createDataCodec(options.maxDataBytes, parse)),
  };
}

function exceptionOf(
  userId: string,
  except: string | undefined,
): Result<Credentials | null, StoreError<'invalid-input'>> {
  if (except === undefined) return ok(null);
  const credentials = parseToken(except);
  if (credentials?.userTag === userTagOf(userId)) return ok(credentials);
  const message = "must be the token of one of the user's sessions";
  return err(invalidInput('sessions.revokeAll', [{ path: 'except', message }]));
}

function summaryOf({ id, record }: ListedSession): SessionSummary {
  const { createdAtMs, lastSeenAtMs, expiresAtMs, about } = record;
  return {
    id,
    createdAt: new Date(createdAtMs),
    lastSeenAt: new Date(lastSeenAtMs),
    expiresAt: new Date(expiresAtMs),
    ip: about.ip,
    userAgent: about.userAgent,
  };
}

function sessionOf<Data>(listed: ListedSession, data: Data): Session<Data> {
  const { about, version } = listed.record;
  return { ...summaryOf(listed), userId: about.userId, version, data };
}
