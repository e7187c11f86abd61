import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { redisKey } from '../../src/cache/cache-key.js';
import type { CacheService } from '../../src/cache/cache-service.js';
import { createCacheService } from '../../src/cache/create-cache-service.js';
import { createRedisTier, type RedisTierOptions } from '../../src/cache/redis-tier.js';
import type { BorrowedRedisConfig, ResolvedRedis } from '../../src/config.js';
import type { LoadIoredis } from '../../src/redis/make-client.js';
import { RedisLink } from '../../src/redis/redis-link.js';
import type { StoreEvent } from '../../src/telemetry.js';

export interface RedisCacheOptions extends Pick<RedisTierOptions, 'maxFailedWrites'> {
  url?: string;
  client?: BorrowedRedisConfig['client'];
  keyPrefix?: string;
  loadIoredis?: LoadIoredis;
  commandTimeoutMillis?: number;
  memoryMaxBytes?: number;
  clock?: () => number;
}

/** A cache whose `close` also ends its connection, as that of a store does. */
export interface RedisCache extends Omit<CacheService, 'close'> {
  close(): Promise<void>;
}

/** One process's cache over Redis, with the events it reported. */
export function makeRedisCache(options: RedisCacheOptions): { cache: RedisCache; events: StoreEvent[] } {
  const { url = '', client, clock = Date.now, memoryMaxBytes = 16 * 1024 * 1024, ...rest } = options;
  const { keyPrefix = aKeyPrefix(), commandTimeoutMillis = 2_000, loadIoredis, ...tierOptions } = rest;
  const limits = { keyPrefix, commandTimeoutMillis };
  const config: ResolvedRedis =
    client === undefined ? { kind: 'owned', url, ...limits } : { kind: 'borrowed', client, ...limits };
  const events: StoreEvent[] = [];
  const telemetry = { event: (event: StoreEvent) => void events.push(event) };
  const link = new RedisLink({ config, telemetry, ...(loadIoredis && { loadIoredis }) });
  const redis = createRedisTier(link, { keyPrefix, ...tierOptions });
  const cache = createCacheService({ memoryMaxBytes, redis, clock, telemetry });
  const closeCache = cache.close.bind(cache);
  const close = () => {
    closeCache();
    return link.close();
  };
  return { cache: Object.assign(cache, { close }), events };
}

/** A part of Redis of a test's own. */
export function aKeyPrefix(): string {
  return `test:${randomUUID()}:`;
}

/** What Redis holds under a cache key, past the cache. */
export function inRedis(redis: Redis, keyPrefix: string) {
  return {
    name: (key: string) => redisKey(keyPrefix, key),
    exists: async (key: string) => (await redis.exists(redisKey(keyPrefix, key))) === 1,
    put: (key: string, payload: string) => redis.set(redisKey(keyPrefix, key), payload, 'PX', 600_000),
    remainingMs: (key: string) => redis.pttl(redisKey(keyPrefix, key)),
  };
}
