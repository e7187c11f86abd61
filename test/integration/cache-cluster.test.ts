import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { aKeyPrefix, inRedis, makeRedisCache, whenCoherent } from '../contract/cache-kit.js';
import { cachePoliciesContract } from '../contract/cache-policies.js';
import { cacheServiceContract } from '../contract/cache-service.js';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';

let cluster: RedisCluster;
let client: InstanceType<typeof Redis.Cluster>;
beforeAll(async () => {
  cluster = await startRedisCluster({ masters: 3 });
  client = new Redis.Cluster([...cluster.nodes]);
  await once(client, 'ready');
});
afterAll(async () => {
  client.disconnect();
  await cluster.stop();
});

async function coherentInCluster(keyPrefix = aKeyPrefix()) {
  const { cache } = makeRedisCache({ client, keyPrefix });
  await whenCoherent(cache);
  return cache;
}

cacheServiceContract('a cluster of three', () => coherentInCluster());
cachePoliciesContract('a cluster of three', () => coherentInCluster());

describe('in a cluster of three', () => {
  it('reads, writes, tags and deletes keys of any slot, and other processes hear of it (R17)', async () => {
    const keyPrefix = aKeyPrefix();
    const [one, two] = [await coherentInCluster(keyPrefix), await coherentInCluster(keyPrefix)];
    expect(one.stats().coherence).toBe('tracking');
    const keys = Array.from({ length: 60 }, (_, index) => (index % 2 ? `k${index}` : `{user}:${index}`));
    expect(
      (
        await one.setMany(
          keys.map((key) => [key, key]),
          { tags: ['a', 'b'] },
        )
      ).isOk(),
    ).toBe(true);
    expect((await two.getMany(keys))._unsafeUnwrap().size).toBe(60);
    expect((await two.getMany(keys))._unsafeUnwrap().size).toBe(60);
    const loaded = await two.getOrSetMany(
      [...keys, 'new'],
      async (missing) => new Map(missing.map((key) => [key, key])),
    );
    expect(loaded._unsafeUnwrap().size).toBe(61);
    expect(two.stats()).toMatchObject({ loads: 1, redisFailures: 0 });

    await one.invalidateTags(['b']);
    await vi.waitFor(() => expect(two.peek('k1')).toBeUndefined());
    expect([...(await two.getMany([...keys, 'new']))._unsafeUnwrap()]).toEqual([['new', 'new']]);
    await one.deleteMany(['new']);
    await vi.waitFor(async () => expect((await two.get('new'))._unsafeUnwrap()).toBeUndefined());
    await Promise.all([one.close(), two.close()]);
  });

  it('reads all keys with one hash tag by one script', async () => {
    const keyPrefix = aKeyPrefix();
    const cache = await coherentInCluster(keyPrefix);
    const name = inRedis(client, keyPrefix).name;
    const slots = await Promise.all(['{42}:a', 'b:{42}'].map((key) => client.cluster('KEYSLOT', name(key))));
    expect(slots[0]).toBe(slots[1]);
    await cache.close();
  });
});

describe('a user that may not track', () => {
  let server: RedisServer;
  let url: string;
  beforeAll(async () => {
    server = await startRedisServer();
    const control = new Redis(server.url);
    await control.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-client|tracking');
    control.disconnect();
    url = server.url.replace('redis://', 'redis://app:secret@');
  });
  afterAll(() => server.stop());

  const coherent = async (keyPrefix = aKeyPrefix()) => {
    const made = makeRedisCache({ url, keyPrefix });
    await whenCoherent(made.cache);
    return made;
  };

  cacheServiceContract('Redis without tracking', async () => (await coherent()).cache);
  cachePoliciesContract('Redis without tracking', async () => (await coherent()).cache);

  it('hears of the writes of others by their messages, and says so', async () => {
    const keyPrefix = aKeyPrefix();
    const [one, two] = [await coherent(keyPrefix), await coherent(keyPrefix)];
    expect(two.cache.stats().coherence).toBe('publish');
    expect(two.events).toEqual([{ type: 'cache.untracked', listensTo: 'publish' }]);
    await one.cache.set('k', 1, { tags: ['t'] });
    await one.cache.set('l', 1);
    await Promise.all([two.cache.get('k'), two.cache.get('l')]);
    await Promise.all([two.cache.get('k'), two.cache.get('l')]);
    expect([two.cache.peek('k'), two.cache.peek('l')]).toEqual([1, 1]);
    await one.cache.invalidateTags(['t']);
    await one.cache.delete('l');
    await vi.waitFor(() =>
      expect([two.cache.peek('k'), two.cache.peek('l')]).toEqual([undefined, undefined]),
    );
    await Promise.all([one.cache.close(), two.cache.close()]);
  });

  it('hears of writes of those that may track, and the other way round', async () => {
    const keyPrefix = aKeyPrefix();
    const publishing = (await coherent(keyPrefix)).cache;
    const tracking = makeRedisCache({ url: server.url, keyPrefix }).cache;
    await whenCoherent(tracking);
    await publishing.set('k', 1);
    await vi.waitFor(async () => {
      await tracking.get('k');
      expect([publishing.peek('k'), tracking.peek('k')]).toEqual([1, 1]);
    });
    await tracking.delete('k');
    await vi.waitFor(() => expect(publishing.peek('k')).toBeUndefined());
    await tracking.set('k', 2);
    await publishing.get('k');
    await publishing.delete('k');
    await vi.waitFor(() => expect(tracking.peek('k')).toBeUndefined());
    await Promise.all([publishing.close(), tracking.close()]);
  });

  it('does without memory while Redis may not be listened to at all', async () => {
    const control = new Redis(server.url);
    await control.call(
      'ACL',
      'SETUSER',
      'deaf',
      'on',
      '>secret',
      '~*',
      '+@all',
      '-client|tracking',
      '-subscribe',
    );
    control.disconnect();
    const made = makeRedisCache({ url: server.url.replace('redis://', 'redis://deaf:secret@') });
    await made.cache.set('k', 1);
    await vi.waitFor(() => expect(made.events).toEqual([{ type: 'cache.untracked', listensTo: 'nothing' }]));
    expect(made.cache.peek('k')).toBeUndefined();
    expect((await made.cache.get('k'))._unsafeUnwrap()).toBe(1);
    expect(made.cache.stats()).toMatchObject({ coherence: 'nothing', redisHits: 1 });
    await made.cache.close();
  });
});
