/** How a value is stored. What is left out comes from the namespace, then from {@link CACHE_DEFAULTS}. */
export interface CacheSetOptions {
  /**
   * Seconds the value may be served: above 0, at most a year; a fraction is rounded to whole milliseconds.
   * Default 3600. Memory keeps it for 300 of them at most.
   */
  readonly ttlSeconds?: number;
  /**
   * Seconds after `ttlSeconds` in which `getOrSet` may still serve the value, while it loads a new one in the
   * background. 0 to a year. Default 0. `get`, `getMany` and `peek` never serve it then.
   */
  readonly staleSeconds?: number;
  /** Share of `ttlSeconds`, 0 to 1, by which it is shortened at random, so that values do not end together. Default 0. */
  readonly jitter?: number;
  /**
   * Up to 32 tags of this namespace, formed as keys are. `invalidateTags` ends all values with one of them.
   * Tags in memory cost a hit nothing; a value that comes from Redis may take a second trip for them.
   */
  readonly tags?: readonly string[];
}

/** How a value is loaded. */
export interface CacheLoadOptions extends CacheSetOptions {
  /** `ttlSeconds` for a loaded `null`. Default: `ttlSeconds`. */
  readonly negativeTtlSeconds?: number;
  /**
   * Loads a new value in the background before the old one ends, the likelier the nearer the end and the longer the
   * last load took (XFetch); 1 is a good start, more is earlier, 0 never. Default 0.
   */
  readonly earlyRefresh?: number;
  /** Milliseconds a call waits for a new value when it has a stale one. Default 0: none. */
  readonly softDeadlineMs?: number;
  /**
   * Milliseconds a call waits for a load; past them it is `timeout`, and the load goes on and is stored.
   * Default: no bound.
   */
  readonly hardDeadlineMs?: number;
  /** Milliseconds a call waits for another process that loads the key, before it loads without storing. Default 5,000. */
  readonly waitMs?: number;
  /** Milliseconds in which a failed load is not tried again, by any process: calls get its error. Default 500. */
  readonly backoffMs?: number;
  /** Calls the loader, and neither reads nor stores. Default `false`. */
  readonly skipCache?: boolean;
}

export interface CacheNamespaceOptions extends CacheLoadOptions {
  /** A whole number from 0 of the application's own. Values stored with another are misses. Default 0. */
  readonly schemaVersion?: number;
  /**
   * `frozen`: hits share one value, which nobody can change; a hit in memory costs nothing more. `copied`: each call
   * gets a value of its own to change, at about half the cost of `JSON.parse`. Default: `cache.values` of the
   * configuration. Values with a `Map`, `Set`, `Date`, `URL` or bytes are always copied, at the whole cost.
   */
  readonly values?: 'frozen' | 'copied';
}

/** What a loader may use and decide. */
export interface LoadContext {
  /** The stale value, where there is one: to ask a source whether it has changed. */
  readonly previous: unknown;
  /**
   * Stores the value for these seconds in place of those of the call.
   * @throws {RangeError} for what `ttlSeconds` and `staleSeconds` refuse.
   */
  setTtl(ttlSeconds: number, staleSeconds?: number): void;
  /** Gives the value to those who wait and stores nothing. */
  skipStore(): void;
}

/** What a loader of many keys may decide, for all of them. */
export type BatchLoadContext = Omit<LoadContext, 'previous'>;

export const CACHE_DEFAULTS = {
  ttlSeconds: 3600,
  staleSeconds: 0,
  jitter: 0,
  tags: [],
  earlyRefresh: 0,
  softDeadlineMs: 0,
  waitMs: 5_000,
  backoffMs: 500,
  skipCache: false,
} as const satisfies CacheLoadOptions;
