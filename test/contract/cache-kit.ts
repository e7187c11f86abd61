import { randomUUID } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import type { CacheService } from '../../src/cache/cache-service.js';
import { encode } from '../../src/cache/codec.js';
import { createCacheService } from '../../src/cache/create-cache-service.js';
import { sealEnvelope } from '../../src/cache/envelope.js';
import { RedisNames } from '../../src/cache/redis-names.js';
import { createRedisTier, type RedisTierOptions } from '../../src/cache/redis-tier.js';
import type { BorrowedRedisConfig, ResolvedRedis } from '../../src/config/redis-config.js';
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
export function inRedis(redis: Redis | Cluster, keyPrefix: string) {
  const names = new RedisNames(keyPrefix);
  return {
    name: (key: string) => names.value(key),
    lease: (key: string) => names.lease(key),
    tagVersion: (tag: string) => names.tagVersion(tag),
    exists: async (key: string) => (await redis.exists(names.value(key))) === 1,
    put: (key: string, text: string) => redis.set(names.value(key), text, 'PX', 600_000),
    remainingMs: (key: string) => redis.pttl(names.value(key)),
  };
}

/** The text under which Redis holds a value, written past the cache. */
export function textOf(value: unknown, { staleMs = 0, loadMs = 0, schema = 0 } = {}): string {
  const encoding = encode(value);
  const payload = encoding.kind === 'encoded' ? encoding.payload : '';
  return sealEnvelope({ stamp: randomUUID(), staleMs, loadMs, schema, tags: [], payload });
}

/** Until memory is kept in step, and so is used. */
export function whenCoherent(cache: Pick<CacheService, 'stats' | 'delete'>): Promise<void> {
  void cache.delete('connect');
  return vi.waitFor(() => expect(cache.stats().coherence).not.toBe('nothing'), {
    timeout: 10_000,
    interval: 2,
  });
}
