import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createCacheService } from '../../src/cache/create-cache-service.js';
import { createRedisTier } from '../../src/cache/redis-tier.js';
import { resolveConfig } from '../../src/config.js';
import { RedisLink } from '../../src/redis/redis-link.js';
import { silentTelemetry } from '../../src/telemetry.js';
import { aKeyPrefix, whenCoherent } from '../contract/cache-kit.js';
import type { RedisTarget } from '../contract/rate-limit-kit.js';
import { onServer, startRedisCluster } from '../support/redis-cluster.js';
import { startRedisSentinel } from '../support/redis-sentinel.js';
import type { RedisServer } from '../support/redis-server.js';

const KEYS = Array.from({ length: 60 }, (_, index) => `key${index}`);
const DEADLINE_MS = 250;

let endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.reverse()) await end();
  endings = [];
});

interface Deployment {
  readonly config: RedisTarget;
  readonly lost: RedisServer;
  readonly successor: RedisServer;
}

async function sentinel(): Promise<Deployment> {
  const servers = await startRedisSentinel();
  endings.push(() => servers.stop());
  return { config: servers.config, lost: servers.master, successor: servers.replica };
}

async function cluster(): Promise<Deployment> {
  const servers = await startRedisCluster({ replicasPerMaster: 1 });
  endings.push(() => servers.stop());
  const [lost] = servers.masters;
  const [successor] = servers.replicas;
  if (lost === undefined || successor === undefined) throw new Error('no servers');
  return { config: { nodes: servers.nodes }, lost, successor };
}

/** The cache of one process. */
function openCache(config: RedisTarget, keyPrefix: string) {
  const { redis } = resolveConfig({ redis: { ...config, keyPrefix, commandTimeoutMillis: DEADLINE_MS } });
  if (redis === null) throw new Error('no Redis is configured');
  const link = new RedisLink({ config: redis, telemetry: silentTelemetry });
  const cache = createCacheService({
    memoryMaxBytes: 16e6,
    redis: createRedisTier(link, { keyPrefix }),
    clock: Date.now,
    telemetry: silentTelemetry,
  });
  endings.push(async () => {
    cache.close();
    await link.close();
  });
  return cache;
}

describe.each([
  ['Sentinel, a master that is killed', sentinel, (server: RedisServer) => server.kill()],
  ['Sentinel, a master that hangs', sentinel, async (server: RedisServer) => server.stopProcess()],
  ['a cluster, a master that is killed', cluster, (server: RedisServer) => server.kill()],
  ['a cluster, a master that hangs', cluster, async (server: RedisServer) => server.stopProcess()],
] as const)('a cache through a failover: %s', (_, deploy, harm) => {
  it('rejects no read, and a second after it is back has no value from before a write', async () => {
    const { config, lost, successor } = await deploy();
    const keyPrefix = aKeyPrefix();
    const caches = [openCache(config, keyPrefix), openCache(config, keyPrefix)] as const;
    const [writer, reader] = caches;
    for (const cache of caches) await whenCoherent(cache);

    const truth = new Map(KEYS.map((key) => [key, 0]));
    let reads = 0;
    const rejected: string[] = [];
    const read = async (cache: (typeof caches)[number], key: string) => {
      const value = await cache.getOrSet(key, async () => truth.get(key), { ttlSeconds: 600 });
      reads += 1;
      if (value.isErr()) rejected.push(value.error.kind);
      return value.unwrapOr(undefined);
    };
    await vi.waitFor(async () => {
      for (const cache of caches) for (const key of KEYS) expect(await read(cache, key)).toBe(0);
      for (const cache of caches) expect(cache.stats().redis).toBe('up');
    }, 20_000);
    // What the master has confirmed and its replica not yet is lost in a failover, whoever asks.
    await onServer(lost, (redis) => redis.wait(1, 10_000));

    let isOver = false;
    const readers = caches.map(async (cache) => {
      while (!isOver) {
        for (const key of KEYS) await read(cache, key);
        await sleep(5);
      }
    });
    await harm(lost);
    for (const key of KEYS) {
      truth.set(key, 1);
      await writer.delete(key);
    }
    await vi.waitFor(
      async () => {
        const role = await onServer(successor, (redis) => redis.role());
        expect(role[0]).toBe('master');
      },
      { timeout: 30_000, interval: 50 },
    );
    // Every key is written in Redis again, so that the client has found every new master.
    await vi.waitFor(
      async () => {
        for (const key of KEYS) expect((await reader.set(`probe ${key}`, 1)).isOk()).toBe(true);
        for (const cache of caches)
          expect(cache.stats()).toMatchObject({ redis: 'up', coherence: 'tracking' });
      },
      { timeout: 30_000, interval: 50 },
    );
    await sleep(1_000);
    const stale: string[] = [];
    for (const cache of caches) for (const key of KEYS) if ((await read(cache, key)) !== 1) stale.push(key);
    isOver = true;
    await Promise.all(readers);
    expect({ stale, rejected }).toEqual({ stale: [], rejected: [] });
    expect(reads).toBeGreaterThan(KEYS.length * 6);
  });
});
