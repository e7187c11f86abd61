import KeyvRedis from '@keyv/redis';
import { createCache } from 'cache-manager';
import { createKeyv } from 'cacheable';
import { Keyv } from 'keyv';
import { type CacheKind, filled } from '../cache/cache-port.js';

/** At its best: values in memory are not copied. */
export const cacheManager: CacheKind = {
  name: 'cache-manager',
  async open(options) {
    const { redisUrl, tiers, ttlMs, memoryEntries, load, loadMany } = filled(options);
    const stores: Keyv[] = [];
    if (tiers !== 'redis') stores.push(createKeyv({ useClone: false, lruSize: memoryEntries }));
    if (tiers !== 'memory')
      stores.push(new Keyv({ store: new KeyvRedis(redisUrl), namespace: 'cache-manager' }));
    for (const store of stores) store.on('error', () => {});
    const cache = createCache({ stores, ttl: ttlMs });
    const call = (key: string) => cache.wrap(key, () => load(key));
    return {
      call,
      read: call,
      // It has no call for this: what its users write instead.
      async readMany(keys) {
        const values = await cache.mget([...keys]);
        const found = new Map(keys.map((key, index) => [key, values[index]]));
        const missing = keys.filter((key) => (found.get(key) ?? undefined) === undefined);
        if (missing.length === 0) return found;
        const loaded = await loadMany(missing);
        await cache.mset([...loaded].map(([key, value]) => ({ key, value })));
        return new Map([...found, ...loaded]);
      },
      set: async (key, value) => void (await cache.set(key, value)),
      delete: async (key) => void (await cache.del(key)),
      close: async () => void (await cache.disconnect()),
    };
  },
};
