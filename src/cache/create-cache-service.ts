import type { ResultAsync } from 'neverthrow';
import type { CacheLoadOptions } from './cache-options.js';
import { type CacheParts, type CacheServiceOptions, makeCacheParts } from './cache-parts.js';
import { CacheReads, type ManyLoader, type OneLoader } from './cache-reads.js';
import { CacheScope } from './cache-scope.js';
import type {
  CacheLoadError,
  CacheNamespace,
  CacheReadError,
  CacheService,
  CacheWriteError,
  LoadedMany,
  LoadedValue,
  LoaderError,
} from './cache-service.js';
import type { CacheStats } from './cache-stats.js';
import { CacheWrites } from './cache-writes.js';

export type { CacheServiceOptions } from './cache-parts.js';

/** Makes the cache; connects to nothing before its first call. */
export function createCacheService(options: CacheServiceOptions): CacheService {
  const parts = makeCacheParts(options);
  const root = new CacheScope(parts, { values: options.values ?? 'frozen' });
  return {
    ...namespaceOf(root),
    stats: () => statsOf(parts),
    close() {
      parts.isClosed = true;
      parts.store.local.close();
    },
  };
}

function namespaceOf(scope: CacheScope): CacheNamespace {
  const reads = new CacheReads(scope);
  const writes = new CacheWrites(scope);
  // What the caller's types say of values and loaders is believed.
  return {
    get: <T>(key: string) => reads.get(key) as ResultAsync<T | undefined, CacheReadError>,
    peek: <T>(key: string) => reads.peek(key) as T | undefined,
    getMany: <T>(keys: readonly string[]) =>
      reads.getMany(keys) as ResultAsync<ReadonlyMap<string, T>, CacheReadError>,
    getOrSet: <L>(key: string, loader: OneLoader, options?: CacheLoadOptions) =>
      reads.getOrSet(key, loader, options) as ResultAsync<LoadedValue<L>, LoaderError<L> | CacheLoadError>,
    getOrSetMany: <L extends LoadedMany>(
      keys: readonly string[],
      loader: ManyLoader,
      options?: CacheLoadOptions,
    ) => {
      const found: ResultAsync<unknown, CacheLoadError> = reads.getOrSetMany(keys, loader, options);
      return found as ResultAsync<LoadedValue<L>, LoaderError<L> | CacheLoadError>;
    },
    set: (key, value, options) => writes.set(key, value, options),
    setMany: (entries, options) => writes.setMany(entries, options),
    delete: (key) => writes.delete(key),
    deleteMany: (keys) => writes.deleteMany(keys),
    take: <T>(key: string) => writes.take(key) as ResultAsync<T | undefined, CacheWriteError>,
    invalidateTags: (tags) => writes.invalidateTags(tags),
    namespace: (name, defaults = {}) => namespaceOf(scope.child(name, defaults)),
  };
}

function statsOf({ counts, redis, memory, store }: CacheParts): CacheStats {
  return {
    ...counts,
    invalidations: store.local.invalidations,
    redisFailures: redis?.failures ?? 0,
    redis: redis === null ? 'off' : redis.isDown ? 'down' : 'up',
    coherence: store.local.coherence?.mode ?? 'off',
    entries: memory.entries,
    bytes: memory.bytes,
  };
}
