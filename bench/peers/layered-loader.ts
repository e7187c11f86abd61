import { Redis } from 'ioredis';
import {
  createGroupNotificationPair,
  createNotificationPair,
  GroupLoader,
  Loader,
  RedisCache,
  RedisGroupCache,
} from 'layered-loader';
import { type CacheKind, filled } from '../cache/cache-port.js';

/** Its source is set up once, not given with each call. Its groups are what tags are elsewhere. */
export const layeredLoader: CacheKind = {
  name: 'layered-loader',
  async open(options) {
    const { redisUrl, tiers, ttlMs, staleMs, hasTags, memoryEntries, load, loadMany } = filled(options);
    const clients: Redis[] = [];
    const connect = () => {
      const client = new Redis(redisUrl);
      client.on('error', () => {});
      clients.push(client);
      return client;
    };
    const life = {
      ttlInMsecs: ttlMs + staleMs,
      ...(staleMs > 0 && { ttlLeftBeforeRefreshInMsecs: staleMs }),
    };
    const memory = tiers === 'redis' ? (false as const) : { ...life, cacheType: 'lru-map' as const };
    const bus = (channel: string) => ({ channel, publisherRedis: connect(), consumerRedis: connect() });
    const redisOptions = { ...life, json: true, ...(staleMs > 0 && { ttlCacheTtl: ttlMs }) };

    const pair = tiers === 'both' ? createNotificationPair<unknown>(bus('changes')) : null;
    const loader = new Loader<unknown>({
      inMemoryCache: memory && { ...memory, maxItems: memoryEntries },
      ...(tiers !== 'memory' && {
        asyncCache: new RedisCache(connect(), { ...redisOptions, prefix: 'bench' }),
      }),
      ...(pair && { notificationConsumer: pair.consumer, notificationPublisher: pair.publisher }),
      dataSourceGetOneFn: load,
      dataSourceGetManyFn: async (keys) => {
        const loaded = await loadMany(keys);
        return keys.map((key) => loaded.get(key));
      },
      cacheKeyFromValueResolver: keyOf,
    });
    await loader.init();

    const openGroups = async () => {
      const groupPair = tiers === 'both' ? createGroupNotificationPair<unknown>(bus('groups')) : null;
      const groups = new GroupLoader<unknown>({
        inMemoryCache: memory && { ...memory, maxItemsPerGroup: memoryEntries },
        ...(tiers !== 'memory' && {
          asyncCache: new RedisGroupCache(connect(), { ...redisOptions, prefix: 'groups' }),
        }),
        ...(groupPair && {
          notificationConsumer: groupPair.consumer,
          notificationPublisher: groupPair.publisher,
        }),
        dataSources: [
          {
            name: 'source',
            getFromGroup: load,
            getManyFromGroup: (keys) => Promise.all(keys.map(load)),
          },
        ],
      });
      await groups.init();
      return groups;
    };
    const groups = hasTags ? await openGroups() : null;

    const call = (key: string) => loader.get(key);
    return {
      call,
      read: call,
      async readMany(keys) {
        const values = await loader.getMany([...keys]);
        return new Map(values.map((value) => [keyOf(value), value]));
      },
      set: (key, value) => loader.forceSetValue(key, value),
      delete: (key) => loader.invalidateCacheFor(key),
      ...(groups && {
        tagged: {
          call: (key, tag) => groups.get(key, tag),
          read: (key, tag) => groups.get(key, tag),
          invalidate: (tag) => groups.invalidateCacheForGroup(tag),
        },
      }),
      peek: (key) => loader.getInMemoryOnly(key),
      async close() {
        for (const client of clients) client.disconnect();
      },
    };
  },
};

function keyOf(value: unknown): string {
  return (value as { readonly id: string }).id;
}
