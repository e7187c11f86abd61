import { type Err, err, type Ok, ok, type Result, ResultAsync } from 'neverthrow';
import type { RedisLink } from '../redis/redis-link.js';
import { type RedisScript, runScript, type ScriptArgument } from '../redis/redis-script.js';
import { missingSession, overtaken, unconfirmed } from './session-errors.js';
import { decodeSession, encodeOrigin, type SessionRecord, type StoredSession } from './session-record.js';
import {
  CREATE_SESSION,
  LIST_SESSIONS,
  READ_SESSION,
  REMOVE_ALL_SESSIONS,
  REMOVE_SESSION,
  ROTATE_SESSION,
  SESSION_EPOCH,
  UPDATE_SESSION,
} from './session-scripts.js';
import type { ListedSession, SessionLimit, SessionTier, TierError } from './session-tier.js';
import { type Credentials, EPOCH_MS, newEpoch } from './session-token.js';

export interface RedisSessionsOptions extends SessionLimit {
  /** Put before every key. */
  readonly keyPrefix: string;
  readonly touchIntervalMs: number;
  /** Called after each use that was noted. */
  readonly onTouched?: (credentials: Credentials, record: SessionRecord) => void;
}

type OkOf<R> = R extends Ok<infer T, unknown> ? T : never;
type ErrOf<R> = R extends Err<unknown, infer E> ? E : never;

/** Sessions that processes share. Every method is one script, so one command and one trip. */
export function createRedisSessions(link: RedisLink, options: RedisSessionsOptions): SessionTier {
  const { keyPrefix, touchIntervalMs, maxPerUser, whenFull, onTouched } = options;

  /** What one script answers, as what `read` makes of it. */
  function run<R extends Result<unknown, unknown>>(
    operation: string,
    [script, userTag, ...scriptArguments]: readonly [RedisScript, string, ...ScriptArgument[]],
    read: (answer: unknown) => R,
  ): ResultAsync<OkOf<R>, ErrOf<R> | TierError> {
    const keys = [sessionKey(keyPrefix, userTag)];
    const reply = link.run((client) => runScript(client, script, keys, scriptArguments), operation);
    const answer = reply.then((answered) =>
      answered.kind === 'answer' ? read(answered.value) : err(unconfirmed(operation)),
    );
    return new ResultAsync(answer as Promise<Result<OkOf<R>, ErrOf<R> | TierError>>);
  }

  function find(operation: string, credentials: Credentials, touch: boolean) {
    const { userTag, id, secretHash } = credentials;
    const intervalMs = touch ? touchIntervalMs : -1;
    return run(operation, [READ_SESSION, userTag, id, secretHash, intervalMs], (answer) => {
      const stored = storedOf(id, answer);
      if (stored !== null && Array.isArray(answer)) onTouched?.(credentials, stored.record);
      return ok(stored);
    });
  }

  return {
    create({ userTag, id, secretHash }, { payload, idleMs, lifetimeMs, about, epoch }) {
      const operation = 'sessions.create';
      const session = [id, secretHash, payload, idleMs, lifetimeMs, encodeOrigin(about)];
      const limits = [epoch ?? '', maxPerUser, whenFull];
      return run(operation, [CREATE_SESSION, userTag, ...session, ...limits], (answer) =>
        answer === 'full' || answer === 'epoch'
          ? err(overtaken(operation, answer))
          : recordOf(operation, id, answer),
      );
    },

    read: (credentials, touch) => find('sessions.get', credentials, touch),

    update({ userTag, id, secretHash }, version, payload) {
      const operation = 'sessions.update';
      return run(operation, [UPDATE_SESSION, userTag, id, secretHash, version, payload], (answer) => {
        if (answer === null) return err(missingSession(operation));
        return answer === 'version' ? err(overtaken(operation, answer)) : recordOf(operation, id, answer);
      });
    },

    touch: (credentials) =>
      find('sessions.touch', credentials, true).andThen((stored) =>
        stored === null ? err(missingSession('sessions.touch')) : ok(stored.record),
      ),

    rotate({ userTag, id, secretHash }, newSecretHash) {
      const operation = 'sessions.rotate';
      return run(operation, [ROTATE_SESSION, userTag, id, secretHash, newSecretHash], (answer) => {
        const stored = storedOf(id, answer);
        return stored === null ? err(missingSession(operation)) : ok(stored);
      });
    },

    remove: ({ userTag, id, secretHash }) =>
      run('sessions.revoke', [REMOVE_SESSION, userTag, id, secretHash ?? ''], (answer) => ok(answer === 1)),

    list: (userTag) => run('sessions.list', [LIST_SESSIONS, userTag], (answer) => ok(listedOf(answer))),

    removeAll(userTag, except) {
      const operation = 'sessions.revokeAll';
      const kept = except === null ? [] : [except.id, except.secretHash];
      return run(operation, [REMOVE_ALL_SESSIONS, userTag, ...kept], (answer) =>
        answer === null ? err(missingSession(operation)) : ok(Number(answer)),
      );
    },

    epoch: (userTag) =>
      run('sessions.epoch', [SESSION_EPOCH, userTag, newEpoch(), EPOCH_MS], (answer) => ok(String(answer))),

    close: () => undefined,
  };
}

/** All of a user, so in one slot of a cluster. */
export function sessionKey(keyPrefix: string, userTag: string): string {
  return `${keyPrefix}session:{${userTag}}`;
}

function recordOf(operation: string, id: string, answer: unknown): Result<SessionRecord, TierError> {
  const stored = storedOf(id, answer);
  return stored === null ? err(unconfirmed(operation)) : ok(stored.record);
}

function storedOf(id: string, answer: unknown): StoredSession | null {
  const text: unknown = Array.isArray(answer) ? answer[0] : answer;
  return typeof text === 'string' ? decodeSession(id, text) : null;
}

function listedOf(answer: unknown): ListedSession[] {
  const texts = Array.isArray(answer) ? answer.map(String) : [];
  const listed: ListedSession[] = [];
  for (let at = 0; at + 1 < texts.length; at += 2) {
    const [id = '', text = ''] = texts.slice(at, at + 2);
    const stored = decodeSession(id, text);
    if (stored !== null) listed.push({ id, record: stored.record });
  }
  return listed;
}
