import type { SessionStore } from '../sessions/session-store.js';
import { orThrow } from './or-throw.js';

/** What better-auth asks of its `secondaryStorage`. */
export interface BetterAuthStorage {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, ttlSeconds?: number): Promise<void>;
  delete(key: string): Promise<void>;
  getAndDelete(key: string): Promise<string | null>;
  increment(key: string, ttlSeconds: number): Promise<number>;
}

// better-auth names an end for what is to end; the rest ends too, since what nobody deletes would stay for ever.
const LONGEST_TTL_SECONDS = 400 * 24 * 3600;

/**
 * The `secondaryStorage` of better-auth.
 *
 * A session that was deleted stays so: a refresh which read it before cannot write it back. Keys, which are the
 * tokens of sessions, are kept by their hash alone; the values are better-auth's own. A time to live of 0 or less is an
 * end, and not "for ever". Calls reject with a `StoreError`; Redis out of reach is of kind `unavailable`.
 *
 * @example
 * import { betterAuth } from 'better-auth';
 * import { createMacroStore } from '@macro-ai/store';
 * import { createBetterAuthStorage } from '@macro-ai/store/adapters';
 *
 * const store = createMacroStore({ redis: { url: 'redis://localhost' } });
 * export const auth = betterAuth({ secondaryStorage: createBetterAuthStorage(store.sessions) });
 */
export function createBetterAuthStorage(
  sessions: Pick<SessionStore, 'foreign'>,
  { name = 'better-auth' }: { /** Keeps several storages apart. */ readonly name?: string } = {},
): BetterAuthStorage {
  const texts = sessions.foreign(name);
  return {
    get: (key) => orThrow(texts.get(key)),
    async set(key, value, ttlSeconds = LONGEST_TTL_SECONDS) {
      if (ttlSeconds <= 0) await orThrow(texts.end(key));
      else await orThrow(texts.set(key, value, { ttlSeconds, revives: !isSessionOf(key, value) }));
    },
    async delete(key) {
      await orThrow(texts.end(key));
    },
    getAndDelete: (key) => orThrow(texts.take(key)),
    increment: (key, ttlSeconds) => orThrow(texts.increment(key, ttlSeconds)),
  };
}

/** Tokens of sessions are not used twice; other keys, such as a user's list of sessions, are after a deletion. */
function isSessionOf(token: string, value: string): boolean {
  if (!value.startsWith('{')) return false;
  try {
    const parsed = JSON.parse(value) as { session?: { token?: unknown } | null };
    return parsed.session?.token === token;
  } catch {
    return false;
  }
}
