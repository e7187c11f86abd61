import { LRUCache } from 'lru-cache';
import type { SessionStore } from '../sessions/session-store.js';
import { orThrow } from './or-throw.js';

/** What express-session hands to a store, as far as a store looks at it. */
export interface StoredExpressSession {
  readonly cookie?: { readonly expires?: Date | string | boolean | null };
  readonly [field: string]: unknown;
}

export interface ExpressSessionStoreOptions {
  /** Keeps several stores apart. Default `express`. */
  readonly name?: string;
  /** Seconds to live of a session whose cookie has no end, or, as a function, of any. Default 86,400. */
  readonly ttlSeconds?: number | ((session: StoredExpressSession) => number);
  /**
   * A session whose end would move by less is not touched, which spares a trip in most requests; never more than a
   * tenth of its time to live. Default 60; 0 touches in every request.
   */
  readonly touchIntervalSeconds?: number;
}

type Callback<T> = (error: unknown, value?: T) => void;

/** As express-session calls them; without a callback they give a promise. */
export interface ExpressSessionMethods {
  get(sid: string, callback?: Callback<StoredExpressSession | null>): Promise<StoredExpressSession | null>;
  set(sid: string, session: StoredExpressSession, callback?: Callback<void>): Promise<void>;
  touch(sid: string, session: StoredExpressSession, callback?: Callback<void>): Promise<void>;
  destroy(sid: string, callback?: Callback<void>): Promise<void>;
  all(callback?: Callback<readonly StoredExpressSession[]>): Promise<readonly StoredExpressSession[]>;
  length(callback?: Callback<number>): Promise<number>;
  clear(callback?: Callback<void>): Promise<void>;
}

const DEFAULT_TTL_SECONDS = 86_400;
const DEFAULT_TOUCH_INTERVAL_SECONDS = 60;
const MAX_KNOWN_ENDS = 10_000;

/**
 * A store for express-session, whose module it is given: it needs its `Store`.
 *
 * A session that was destroyed stays so: a slow request which read it before cannot save it back. Session ids are
 * kept by their hash alone, so `all` tells no ids. Redis out of reach is an error of kind `unavailable`, which Express
 * answers with its error handler.
 *
 * @example
 * import session from 'express-session';
 * import { createMacroStore } from '@macro-ai/store';
 * import { createExpressSessionStore } from '@macro-ai/store/adapters';
 *
 * const store = createMacroStore({ redis: { url: 'redis://localhost' } });
 * app.use(session({ store: createExpressSessionStore(session, store.sessions), secret, resave: false, saveUninitialized: false }));
 */
export function createExpressSessionStore<Store extends object>(
  expressSession: { readonly Store: abstract new () => Store },
  sessions: Pick<SessionStore, 'foreign'>,
  options: ExpressSessionStoreOptions = {},
): Store & ExpressSessionMethods {
  const { name = 'express', touchIntervalSeconds = DEFAULT_TOUCH_INTERVAL_SECONDS } = options;
  const texts = sessions.foreign(name);
  // Where sessions end in Redis, as far as this process has said so.
  const knownEndsMs = new LRUCache<string, number>({ max: MAX_KNOWN_ENDS });

  function ttlSecondsOf(session: StoredExpressSession): number {
    const { ttlSeconds = DEFAULT_TTL_SECONDS } = options;
    if (typeof ttlSeconds === 'function') return ttlSeconds(session);
    const expires = session.cookie?.expires;
    if (typeof expires !== 'string' && !(expires instanceof Date)) return ttlSeconds;
    return (new Date(expires).getTime() - Date.now()) / 1000;
  }

  async function destroy(sid: string): Promise<void> {
    knownEndsMs.delete(sid);
    await orThrow(texts.end(sid));
  }

  async function set(sid: string, session: StoredExpressSession): Promise<void> {
    const ttlSeconds = ttlSecondsOf(session);
    if (ttlSeconds <= 0) return destroy(sid);
    const isStored = await orThrow(texts.set(sid, JSON.stringify(session), { ttlSeconds }));
    if (isStored) knownEndsMs.set(sid, Date.now() + ttlSeconds * 1000);
  }

  async function touch(sid: string, session: StoredExpressSession): Promise<void> {
    const ttlSeconds = ttlSecondsOf(session);
    if (ttlSeconds <= 0) return destroy(sid);
    const endMs = Date.now() + ttlSeconds * 1000;
    const movesMs = endMs - (knownEndsMs.get(sid) ?? Number.NEGATIVE_INFINITY);
    const intervalMs = Math.min(touchIntervalSeconds, ttlSeconds / 10) * 1000;
    if (movesMs >= 0 && movesMs < intervalMs) return;
    if (await orThrow(texts.touch(sid, ttlSeconds))) knownEndsMs.set(sid, endMs);
  }

  async function all(): Promise<readonly StoredExpressSession[]> {
    return (await orThrow(texts.texts())).map(parse).filter((session) => session !== null);
  }

  async function clear(): Promise<void> {
    knownEndsMs.clear();
    await orThrow(texts.clear());
  }

  const methods: ExpressSessionMethods = {
    get: (sid, callback) =>
      settle(
        orThrow(texts.get(sid)).then((text) => (text === null ? null : parse(text))),
        callback,
      ),
    set: (sid, session, callback) => settle(set(sid, session), callback),
    touch: (sid, session, callback) => settle(touch(sid, session), callback),
    destroy: (sid, callback) => settle(destroy(sid), callback),
    all: (callback) => settle(all(), callback),
    length: (callback) =>
      settle(
        all().then((found) => found.length),
        callback,
      ),
    clear: (callback) => settle(clear(), callback),
  };

  // Its base class is an event emitter, and makes sessions of what `get` gives.
  const Base = expressSession.Store as new () => Store;
  return Object.assign(new Base(), methods);
}

/** What cannot be read is no session. */
function parse(text: string): StoredExpressSession | null {
  try {
    return JSON.parse(text) as StoredExpressSession;
  } catch {
    return null;
  }
}

/** Hands over to the callback, outside the promise: what it throws is its own. */
function settle<T>(working: Promise<T>, callback: Callback<T> | undefined): Promise<T> {
  if (callback !== undefined) {
    working.then(
      (value) => process.nextTick(callback, null, value),
      (error: unknown) => process.nextTick(callback, error),
    );
  }
  return working;
}
