import KeyvRedis from '@keyv/redis';
import { RedisMessageProvider } from '@qified/redis';
import { Cacheable, createKeyv } from 'cacheable';
import { type CacheKind, filled } from '../cache/cache-port.js';

/** At its best: values in memory are not copied. */
export const cacheable: CacheKind = {
  name: 'cacheable',
  async open(options) {
    const { redisUrl, tiers, ttlMs, hasTags, memoryEntries, load, loadMany } = filled(options);
    const memory = () => createKeyv({ useClone: false, lruSize: memoryEntries });
    const redis = () => new KeyvRedis(redisUrl);
    const cache = new Cacheable({
      ttl: ttlMs,
      tags: hasTags,
      primary: tiers === 'redis' ? redis() : memory(),
      ...(tiers === 'both' && {
        secondary: redis(),
        sync: { qified: new RedisMessageProvider({ uri: redisUrl }) },
      }),
    });
    // Without a listener an error ends the process.
    cache.on('error', () => {});
    const call = (key: string) => cache.getOrSet(key, () => load(key));
    // Its call for this takes no tags: what its users write instead.
    const callTagged = async (key: string, tag: string) => {
      const cached = await cache.get(key);
      if (cached !== undefined) return cached;
      const loaded = await load(key);
      await cache.set(key, loaded, { tags: [tag] });
      return loaded;
    };
    return {
      call,
      read: call,
      // It has no call for this: what its users write instead.
      async readMany(keys) {
        const values = await cache.getMany([...keys]);
        const found = new Map(keys.map((key, index) => [key, values[index]]));
        const missing = keys.filter((key) => found.get(key) === undefined);
        if (missing.length === 0) return found;
        const loaded = await loadMany(missing);
        await cache.setMany([...loaded].map(([key, value]) => ({ key, value })));
        return new Map([...found, ...loaded]);
      },
      set: async (key, value) => void (await cache.set(key, value)),
      delete: async (key) => void (await cache.delete(key)),
      tagged: {
        call: callTagged,
        read: callTagged,
        invalidate: async (tag) => void (await cache.tags.invalidateTag(tag)),
      },
      take: (key) => cache.take(key),
      close: () => cache.disconnect(),
    };
  },
};
