import { err, ok, ResultAsync } from 'neverthrow';
import type { RedisLink } from '../redis/redis-link.js';
import { type RedisScript, runScript, type ScriptArgument } from '../redis/redis-script.js';
import { BEGIN_CHANGE, CLAIM_RESTORE, FINISH_CHANGE, FINISH_RESTORE } from './claim-scripts.js';
import { sessionKey } from './redis-sessions.js';
import { unconfirmed } from './session-errors.js';
import { encodeSession, type StoredSession } from './session-record.js';
import type { TierError } from './session-tier.js';

/** Sessions that a change is about: these, or all of the user. */
export type ChangedSessions = 'all' | readonly string[];

/**
 * Redis in front of PostgreSQL: who may put into it what PostgreSQL has. One that may has a claim on the user; it is
 * lost to whoever changes the user's sessions meanwhile, so what was read before a change is not put after it.
 */
export interface RedisFront {
  /** Whether what is read from now on may be restored. */
  claimRestore(userTag: string, token: string): ResultAsync<boolean, TierError>;
  finishRestore(
    userTag: string,
    token: string,
    stored: StoredSession | null,
  ): ResultAsync<boolean, TierError>;
  /** From here on these are read from PostgreSQL, until {@link finishChange} or for a minute. */
  beginChange(
    operation: string,
    userTag: string,
    token: string,
    changed: ChangedSessions,
  ): ResultAsync<unknown, TierError>;
  /** Puts the changed session, where no other change came between. */
  finishChange(
    operation: string,
    userTag: string,
    token: string,
    changed: ChangedSessions,
    stored: StoredSession | null,
  ): ResultAsync<boolean, TierError>;
}

/** Longer than reading a row may take. */
const RESTORE_MS = 10_000;
/** Much longer than a change of rows may take, with all that can keep its end from becoming known. */
const CHANGE_MS = 60_000;

export function createRedisFront(link: RedisLink, keyPrefix: string): RedisFront {
  function run(
    operation: string,
    script: RedisScript,
    userTag: string,
    scriptArguments: readonly ScriptArgument[],
  ): ResultAsync<unknown, TierError> {
    const keys = [sessionKey(keyPrefix, userTag)];
    const reply = link.run((client) => runScript(client, script, keys, scriptArguments), operation);
    return ResultAsync.fromSafePromise(reply).andThen((answered) =>
      answered.kind === 'answer' ? ok(answered.value) : err(unconfirmed(operation)),
    );
  }

  const isOne = (answer: unknown) => answer === 1;
  const textsOf = (stored: StoredSession) => [stored.id, encodeSession(stored)];
  const namesOf = (changed: ChangedSessions) => (changed === 'all' ? ['all'] : changed);

  return {
    claimRestore: (userTag, token) =>
      run('sessions.get', CLAIM_RESTORE, userTag, [token, RESTORE_MS]).map(isOne),
    finishRestore: (userTag, token, stored) =>
      run('sessions.get', FINISH_RESTORE, userTag, [token, ...(stored === null ? [] : textsOf(stored))]).map(
        isOne,
      ),
    beginChange: (operation, userTag, token, changed) =>
      run(operation, BEGIN_CHANGE, userTag, [token, CHANGE_MS, ...namesOf(changed)]),
    finishChange: (operation, userTag, token, changed, stored) =>
      run(operation, FINISH_CHANGE, userTag, [
        ...[token, ...(stored === null ? ['', ''] : textsOf(stored))],
        ...namesOf(changed),
      ]).map(isOne),
  };
}
