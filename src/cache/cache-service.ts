import type { Result, ResultAsync } from 'neverthrow';
import type { StoreError } from '../errors.js';
import type {
  BatchLoadContext,
  CacheLoadOptions,
  CacheNamespaceOptions,
  CacheSetOptions,
  LoadContext,
} from './cache-options.js';
import type { CacheStats } from './cache-stats.js';

export type CacheReadError = StoreError<'invalid-input' | 'closed'>;
export type CacheWriteError = StoreError<'invalid-input' | 'unavailable' | 'closed'>;
export type CacheLoadError = StoreError<'invalid-input' | 'loader-failed' | 'timeout' | 'closed'>;

/** The value behind what a loader promises: that of a `Result`, else the thing itself. */
export type LoadedValue<L> = L extends Result<infer T, unknown> ? T : L;

/** The error of a loader that promises a `Result`; `never` for others, `any` among them. */
export type LoaderError<L> = 0 extends 1 & L ? never : L extends Result<unknown, infer E> ? E : never;

/** What a loader of many keys promises: a map of those it found, or a `Result` of one. */
export type LoadedMany = ReadonlyMap<string, unknown> | Result<ReadonlyMap<string, unknown>, unknown>;

/**
 * The calls of one namespace.
 *
 * **Keys** are strings of 1 to 1,024 bytes, any characters. Keys with the same `{…}` in them share a slot of a
 * cluster, so that a call for many of them is one command. **Values** are plain data, at most 1 MiB encoded:
 * what JSON knows, and `Date`, `bigint`, `Map`, `Set`, `URL`, `RegExp`, typed arrays, NaN, `undefined` inside,
 * sparse and cyclic structures. Functions, class instances, symbols and `__proto__` keys are `invalid-input`; a
 * subclass of a built-in, such as `Buffer`, comes back as the built-in. A miss is `undefined`; `null` is a value.
 *
 * **Nobody can change what is cached**: values are frozen, and shared by all who get them. For values to change,
 * see `values` of {@link CacheNamespaceOptions}.
 *
 * **Redis out of reach** is a slower read and never a failed one: a call waits for one
 * `commandTimeoutMillis` (a `getOrSet` that loads, for two), and after a few of those for nothing, until a
 * probe in the background finds Redis again.
 *
 * **Staleness**: after `delete`, `set` or `invalidateTags` has returned, this process does not serve what was
 * there before, nor what began to be loaded before. Another process hears of it about when the caller does,
 * within milliseconds; within 2 s when its connection broke without a sign. While it cannot reach
 * Redis, it may serve what it has in memory for up to 300 s.
 */
export interface CacheNamespace {
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
   * The key's value if memory has it, at once; else `undefined`, whatever Redis has. Not counted in `stats()`.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * await store.cache.set('theme:42', 'dark');
   * console.log(store.cache.peek<string>('theme:42')); // dark
   * await store.close();
   * ```
   */
  peek<T>(key: string): T | undefined;

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
   * Replaces up to 1,000 values as `set` does, in one trip. `unavailable`: some were not confirmed. In a
   * cluster each slot is a command of its own, and all are sent at once.
   */
  setMany(
    entries: Iterable<readonly [key: string, value: unknown]>,
    options?: CacheSetOptions,
  ): ResultAsync<void, CacheWriteError>;

  /**
   * Removes the key from memory and Redis; a key that is not there is no error. Once it has returned, no read
   * gives a value stored before it, nor one whose load began before it, in any process.
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

  /** Removes up to 1,000 keys as `delete` does, in one trip. `unavailable`: some were not confirmed. */
  deleteMany(keys: readonly string[]): ResultAsync<void, CacheWriteError>;

  /**
   * Removes the key and gives the value it had, or `undefined`: of all who take it at the same time, in any process,
   * one gets it. `T` is believed, not checked.
   *
   * `unavailable`: Redis did not confirm it. Nobody else will get the value later.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * await store.cache.set('login-code:ada', '482913', { ttlSeconds: 300 });
   * const code = await store.cache.take<string>('login-code:ada');
   * console.log(code.isOk() && code.value); // 482913
   * await store.close();
   * ```
   */
  take<T>(key: string): ResultAsync<T | undefined, CacheWriteError>;

  /**
   * Ends all values of this namespace stored with any of these tags (32 at most), however many there are. Also of those
   * whose load has begun and not ended. Costs one command, in a cluster one a tag.
   *
   * `unavailable`: Redis did not confirm it. This process serves none of them until it did.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * await store.cache.set('profile:42', { name: 'Ada' }, { tags: ['user:42'] });
   * await store.cache.invalidateTags(['user:42']);
   * await store.close();
   * ```
   */
  invalidateTags(tags: readonly string[]): ResultAsync<void, CacheWriteError>;

  /**
   * The key's value, or what `loader` gives, which is then stored for `ttlSeconds`.
   *
   * While a key is loaded, calls for it wait, in all processes, and share the value or the failure; of those in
   * this process the first call's loader and options count. A change of the key while it loads wins: who waits
   * gets the loaded value, it is not stored, and later calls load anew. A failure is not tried again for
   * `backoffMs`. A value over 1 MiB is returned and not stored.
   *
   * A process that dies while it loads keeps the others waiting for 2 s at most. While Redis is out of reach,
   * each process loads for itself, 20 loads at a time (`cache.maxUnsharedLoads`).
   *
   * The loader must not ask for its own key: it would wait for itself. What it may give
   * is what `set` takes: `undefined` is `invalid-input` (give `null` for "nothing there").
   * `loader-failed`: it threw; what it threw is in `unredactedCauseOf(error)`, unless that was in another process.
   * Of a `Result` it gives, an `Err` is passed on (elsewhere as `loader-failed`) and the value of an `Ok` stored.
   * `timeout`: see `hardDeadlineMs`.
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
    loader: (context: LoadContext) => PromiseLike<L>,
    options?: CacheLoadOptions,
  ): ResultAsync<LoadedValue<L>, LoaderError<L> | CacheLoadError>;

  /**
   * The values of up to 1,000 keys: a map from each key that was found, in their order. One trip for all that memory misses.
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
   * As `getOrSet`, for up to 1,000 keys: one trip to read, one call of `loader` with the keys that nobody is loading
   * yet, one trip to store. A key that the loader leaves out of its map is left out of the answer, and asked
   * for again by the next call; give `null` to store that there is nothing. The answer's map has no fixed order.
   *
   * One failure fails the call; what was loaded besides is stored all the same. What the loader decides by its `context`
   * is for all values it gives.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * const names = await store.cache.getOrSetMany(['user:1', 'user:2'], async (missing) => {
   *   return new Map(missing.map((key) => [key, `name of ${key}`]));
   * });
   * console.log(names.isOk() && names.value.get('user:2')); // name of user:2
   * await store.close();
   * ```
   */
  getOrSetMany<L extends LoadedMany>(
    keys: readonly string[],
    loader: (missingKeys: readonly string[], context: BatchLoadContext) => PromiseLike<L>,
    options?: CacheLoadOptions,
  ): ResultAsync<LoadedValue<L>, LoaderError<L> | CacheLoadError>;

  /**
   * A part of the cache with keys and tags of its own, and options that its calls start from. Opening it costs
   * nothing, and the same name is the same part, in every process; namespaces may be nested.
   *
   * @throws {StoreError} `invalid-input`, for a bad name or bad options.
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * const profiles = store.cache.namespace('profiles', { ttlSeconds: 600, staleSeconds: 60, schemaVersion: 2 });
   * await profiles.getOrSet('42', async () => ({ name: 'Ada' }));
   * await store.close();
   * ```
   */
  namespace(name: string, defaults?: CacheNamespaceOptions): CacheNamespace;
}

/** A cache in memory and, where there is one, in Redis; see {@link CacheNamespace} for what its calls promise. */
export interface CacheService extends CacheNamespace {
  /**
   * Counters and sizes of all namespaces together, read at once and without I/O.
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
