import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { type CacheKind, filled, type OpenCache } from '../cache/cache-port.js';

/** As its documentation sets it up; and with values in memory as they are, which it says is not without danger. */
export const bentocache: CacheKind = { name: 'bentocache', open: (options) => open(options, true) };
export const bentocacheUnserialized: CacheKind = {
  name: 'bentocache, serialize: false',
  open: (options) => open(options, false),
};

async function open(options: Parameters<CacheKind['open']>[0], serialize: boolean): Promise<OpenCache> {
  const { redisUrl, tiers, ttlMs, staleMs, memoryEntries, load } = filled(options);
  const { hostname: host, port } = new URL(redisUrl);
  const connection = { host, port: Number(port) };
  const store = bentostore();
  if (tiers !== 'redis') store.useL1Layer(memoryDriver({ maxItems: memoryEntries, serialize }));
  if (tiers !== 'memory') store.useL2Layer(redisDriver({ connection }));
  if (tiers === 'both') store.useBus(redisBusDriver({ connection }));
  // Of its own: it fails on a value that another process has put into Redis.
  const prefix = serialize ? 'bentocache' : 'unserialized';
  const cache = new BentoCache({ prefix, default: 'bench', stores: { bench: store } });

  const life = staleMs > 0 ? { ttl: ttlMs, grace: staleMs, timeout: 0 } : { ttl: ttlMs };
  const call = (key: string) => cache.getOrSet({ key, factory: () => load(key), ...life });
  const callTagged = (key: string, tag: string) =>
    cache.getOrSet({ key, factory: () => load(key), tags: [tag], ...life });
  return {
    call,
    read: call,
    set: async (key, value) => void (await cache.set({ key, value, ...life })),
    delete: async (key) => void (await cache.delete({ key })),
    tagged: {
      call: callTagged,
      read: callTagged,
      invalidate: async (tag) => void (await cache.deleteByTag({ tags: [tag] })),
    },
    take: (key) => cache.pull(key),
    close: () => cache.disconnectAll(),
  };
}
