import type { Result, ResultAsync } from 'neverthrow';
import type { StoreError } from '../errors.js';

export interface CacheSetOptions {
  /**
   * Seconds the value may be served: above 0, at most a year; a fraction is rounded to whole milliseconds.
   * Default 3600. Memory keeps it for 300 of them at most.
   */
  readonly ttlSeconds?: number;
}

/** What the cache did since it was made. Each call of `get` or `getOrSet`, and each key of `getMany`, counts once. */
export interface CacheStats {
  readonly memoryHits: number;
  readonly redisHits: number;
  readonly misses: number;
  /** Loaders that `getOrSet` called. */
  readonly loads: number;
  /** Calls of `getOrSet` that waited for another call's read or load of the same key. */
  readonly sharedLoads: number;
  /** Loaded values that were returned but not stored: overtaken by a write, or too large. */
  readonly refusedFills: number;
  /** Commands that Redis did not answer in time, or with an error. Calls spared while it is down do not count. */
  readonly redisFailures: number;
  /** `off`: this cache has no Redis. `down`: it was out of reach when last tried, and is being probed. */
  readonly redis: 'off' | 'up' | 'down';
  /** Values in memory, expired ones included until they are met or pushed out. */
  readonly entries: number;
  /** Bytes in memory: keys, encoded values and 256 bytes an entry for the index. */
  readonly bytes: number;
}

export type CacheReadError = StoreError<'invalid-input' | 'closed'>;
export type CacheWriteError = StoreError<'invalid-input' | 'unavailable' | 'closed'>;
export type CacheLoadError = StoreError<'invalid-input' | 'loader-failed' | 'closed'>;

/** The value behind what a loader promises: that of a `Result`, else the thing itself. */
export type LoadedValue<L> = L extends Result<infer T, unknown> ? T : L;

/** The error of a loader that promises a `Result`; `never` for others, `any` among them. */
export type LoaderError<L> = 0 extends 1 & L ? never : L extends Result<unknown, infer E> ? E : never;

/**
 * A cache in memory and, where there is one, in Redis.
 *
 * **Keys** are strings of 1 to 1,024 bytes, any characters. **Values** are plain data, at most 1 MiB
 * encoded: what JSON knows, and `Date`, `bigint`, `Map`, `Set`, `URL`, `RegExp`, typed arrays, NaN,
 * `undefined` inside, sparse and cyclic structures. Functions, class instances and symbols are
 * `invalid-input`; a subclass of a built-in, such as `Buffer`, comes back as the built-in. A miss is
 * `undefined`; `null` is a value.
 *
 * **Copies**: every call decodes a value of its own, so changing it changes nothing in the cache. That
 * costs about what `JSON.parse` does, on a hit in memory too.
 *
 * **Redis out of reach** is a slower read and never a failed one: a call waits for one
 * `commandTimeoutMillis` (a `getOrSet` that loads, for two), and after a few of those for nothing, until a
 * probe in the background finds Redis again.
 *
 * **Staleness**: `delete` and `set` hold at once in this process. Another process may serve its copy in
 * memory for up to 300 s, and a load that it began before the delete may put the old value back.
 */
export interface CacheService {
  /**
   * The key's value, or `undefined`. `T` is believed, not checked.
   *
   * Never fails because of Redis: out of reach is a miss. One trip on a miss in memory, none on a hit.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * const theme = (await store.cache.get<string>('theme:42')).unwrapOr(undefined) ?? 'light';
   * await store.close();
   * ```
   */
  get<T>(key: string): ResultAsync<T | undefined, CacheReadError>;

  /**
   * Replaces the key's value, for `ttlSeconds`. `undefined` is `invalid-input`: a miss is nothing to store.
   *
   * `unavailable`: Redis did not confirm it. This process goes on with the new value (for up to 300 s, then a
   * miss), never with the old one, and deletes the key from Redis once it is back. Until then other
   * processes may read the old value. To ignore that is safe where a value outdated for its TTL is.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * const stored = await store.cache.set('theme:42', 'dark', { ttlSeconds: 600 });
   * if (stored.isErr()) console.warn(stored.error.kind);
   * await store.close();
   * ```
   */
  set(key: string, value: unknown, options?: CacheSetOptions): ResultAsync<void, CacheWriteError>;

  /**
   * Removes the key from memory and Redis; a key that is not there is no error. Once it has returned, no read
   * of this process gives a value stored before it, nor one whose load began before it.
   *
   * `unavailable`: Redis did not confirm it. The key is a miss in this process until it did; other
   * processes may read the old value until then.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * await store.cache.delete('theme:42');
   * await store.close();
   * ```
   */
  delete(key: string): ResultAsync<void, CacheWriteError>;

  /**
   * The key's value, or what `loader` gives, which is then stored for `ttlSeconds`.
   *
   * Calls for one key that overlap in this process share one read and one load, and its failure; the first
   * call's loader and TTL count. Failures are not stored: the next call loads again. A `delete` or `set` of
   * the key while it loads wins: those who wait get the loaded value, it is not stored, and later calls load
   * anew. A value over 1 MiB is returned and not stored.
   *
   * The loader is not timed, and it must not ask for its own key: it would wait for itself. What it may give
   * is what `set` takes: `undefined` is `invalid-input` (give `null` for "nothing there").
   * `loader-failed`: it threw; what it threw is in `unredactedCauseOf(error)`. Of a `Result` it gives, an `Err` is passed on and the value of an `Ok` stored.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * const profile = await store.cache.getOrSet('profile:42', async () => ({ name: 'Ada' }), { ttlSeconds: 60 });
   * console.log(profile.isOk() && profile.value.name);
   * await store.close();
   * ```
   */
  getOrSet<L>(
    key: string,
    loader: () => PromiseLike<L>,
    options?: CacheSetOptions,
  ): ResultAsync<LoadedValue<L>, LoaderError<L> | CacheLoadError>;

  /**
   * The values of up to 1,000 keys: a map from each key that was found. One trip for all that memory misses.
   * `T` is believed, not checked. Never fails because of Redis.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * await store.cache.set('theme:1', 'dark');
   * const themes = await store.cache.getMany<string>(['theme:1', 'theme:2']);
   * if (themes.isOk()) console.log(themes.value.get('theme:1'), themes.value.get('theme:2')); // dark undefined
   * await store.close();
   * ```
   */
  getMany<T>(keys: readonly string[]): ResultAsync<ReadonlyMap<string, T>, CacheReadError>;

  /**
   * Counters and sizes, read at once and without I/O.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * const { memoryHits, redisHits, misses } = store.cache.stats();
   * console.log((memoryHits + redisHits) / Math.max(1, memoryHits + redisHits + misses));
   * await store.close();
   * ```
   */
  stats(): CacheStats;

  /**
   * Empties memory. What is under way ends within its deadline; calls after this are `closed`. May be called
   * twice. `store.close()` does this, and ends the connection to Redis, which sessions and limits use too.
   */
  close(): void;
}
