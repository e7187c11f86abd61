import type { ResultAsync } from 'neverthrow';
import type { CacheNamespace, RedisConfig } from '../../src/index.js';
import { builtLibrary } from '../harness/environment.js';
import { type CacheKind, type CacheOptions, filled, type OpenCache } from './cache-port.js';

export const STORE = '@macro-ai/store';

/** The cache of the store. The library has been built. */
export const storeCache: CacheKind = {
  name: STORE,
  open: (options) => openStoreCache(options, { url: options.redisUrl }),
};

export async function openStoreCache(options: CacheOptions, redis: RedisConfig): Promise<OpenCache> {
  const { createMacroStore } = await builtLibrary();
  const { tiers, memoryBytes, ttlMs, staleMs, load, loadMany } = filled(options);
  const store = createMacroStore({
    redis: tiers === 'memory' ? false : redis,
    cache: { memoryMaxBytes: tiers === 'redis' ? 0 : memoryBytes },
  });
  const cache = store.cache.namespace('bench', { ttlSeconds: ttlMs / 1000, staleSeconds: staleMs / 1000 });
  return { ...callsOf(cache, load, loadMany), close: () => store.close() };
}

function callsOf(
  cache: CacheNamespace,
  load: (key: string) => Promise<unknown>,
  loadMany: (keys: readonly string[]) => Promise<ReadonlyMap<string, unknown>>,
): Omit<OpenCache, 'close'> {
  const call = (key: string) => cache.getOrSet(key, () => load(key));
  const callTagged = (key: string, tag: string) => cache.getOrSet(key, () => load(key), { tags: [tag] });
  return {
    call,
    read: (key) => unwrapped(call(key)),
    readMany: (keys) => unwrapped(cache.getOrSetMany(keys, loadMany)),
    set: (key, value) => unwrapped(cache.set(key, value)),
    delete: (key) => unwrapped(cache.delete(key)),
    tagged: {
      call: callTagged,
      read: (key, tag) => unwrapped(callTagged(key, tag)),
      invalidate: (tag) => unwrapped(cache.invalidateTags([tag])),
    },
    take: (key) => unwrapped(cache.take(key)),
    peek: (key) => cache.peek(key),
  };
}

async function unwrapped<T>(call: ResultAsync<T, { readonly kind: string }>): Promise<T> {
  const result = await call;
  if (result.isErr()) throw new Error(result.error.kind);
  return result.value;
}
