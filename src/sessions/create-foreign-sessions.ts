import { err, type Result, type ResultAsync } from 'neverthrow';
import { z } from 'zod';
import type { CallOptions } from '../database/executor.js';
import { type StoreError, storeError } from '../errors.js';
import { checkInput } from '../input.js';
import { untilAborted } from '../redis/until-aborted.js';
import type { ForeignSessions, ForeignTier } from './foreign-sessions.js';
import { lifetime, toMs } from './session-input.js';
import type { SessionError } from './session-store.js';
import { sha256 } from './session-token.js';

const MAX_KEY_BYTES = 1024;
const MAX_TEXT_BYTES = 1024 * 1024;

const bytesAtMost = (max: number) => (text: string) => Buffer.byteLength(text) <= max;
const key = z
  .string()
  .min(1)
  .refine(bytesAtMost(MAX_KEY_BYTES), { error: `must be at most ${MAX_KEY_BYTES} bytes` });
const text = z
  .string()
  .refine(bytesAtMost(MAX_TEXT_BYTES), { error: `must be at most ${MAX_TEXT_BYTES} bytes` });

const none = z.strictObject({});
const keyInput = z.strictObject({ key });
const ttlInput = z.strictObject({ key, ttlSeconds: lifetime });
const setInput = z.strictObject({ key, text, ttlSeconds: lifetime, revives: z.boolean().default(false) });
const nameInput = z.strictObject({
  name: z.string().regex(/^[\w-]{1,64}$/, { error: 'must be 1 to 64 of A–Z, a–z, 0–9, _ and -' }),
});

/** The texts of one library, which `name` keeps apart from those of others. */
export function createForeignSessions(
  tier: ForeignTier,
  name: string,
  isClosed: () => boolean,
): ForeignSessions {
  // No name begins another: hashes have 43 characters, and no `:`.
  const start = `${name}:`;
  const nameOf = (secretKey: string) => start + sha256(secretKey);

  function check<T>(
    operation: string,
    schema: z.ZodType<T>,
    input: unknown,
  ): Result<T, StoreError<'invalid-input' | 'closed'>> {
    if (isClosed()) return err(storeError('closed', operation, 'the store was closed'));
    return checkInput(operation, nameInput, { name }).andThen(() => checkInput(operation, schema, input));
  }

  function onKey<T>(
    operation: string,
    given: string,
    { signal }: CallOptions,
    use: (operation: string, name: string) => ResultAsync<T, SessionError>,
  ): ResultAsync<T, SessionError> {
    return untilAborted(operation, signal, () =>
      check(operation, keyInput, { key: given }).asyncAndThen((input) => use(operation, nameOf(input.key))),
    );
  }

  function withTtl<T>(
    operation: string,
    given: { readonly key: string; readonly ttlSeconds: number },
    { signal }: CallOptions,
    use: (operation: string, name: string, ttlMs: number) => ResultAsync<T, SessionError>,
  ): ResultAsync<T, SessionError> {
    return untilAborted(operation, signal, () =>
      check(operation, ttlInput, given).asyncAndThen((input) =>
        use(operation, nameOf(input.key), toMs(input.ttlSeconds)),
      ),
    );
  }

  function onAll<T>(
    operation: string,
    { signal }: CallOptions,
    use: (operation: string, start: string) => ResultAsync<T, SessionError>,
  ): ResultAsync<T, SessionError> {
    return untilAborted(operation, signal, () =>
      check(operation, none, {}).asyncAndThen(() => use(operation, start)),
    );
  }

  return {
    get: (given, options = {}) => onKey('sessions.foreign.get', given, options, tier.get),
    end: (given, options = {}) => onKey('sessions.foreign.end', given, options, tier.end),
    take: (given, options = {}) => onKey('sessions.foreign.take', given, options, tier.take),
    touch: (given, ttlSeconds, options = {}) =>
      withTtl('sessions.foreign.touch', { key: given, ttlSeconds }, options, tier.touch),
    increment: (given, ttlSeconds, options = {}) =>
      withTtl('sessions.foreign.increment', { key: given, ttlSeconds }, options, tier.increment),
    set: (given, value, { signal, ...options }) =>
      untilAborted('sessions.foreign.set', signal, () =>
        check('sessions.foreign.set', setInput, { key: given, text: value, ...options }).asyncAndThen(
          (input) =>
            tier.set(
              'sessions.foreign.set',
              nameOf(input.key),
              input.text,
              toMs(input.ttlSeconds),
              input.revives,
            ),
        ),
      ),
    texts: (options = {}) => onAll('sessions.foreign.texts', options, tier.texts),
    clear: (options = {}) => onAll('sessions.foreign.clear', options, tier.clear),
  };
}
