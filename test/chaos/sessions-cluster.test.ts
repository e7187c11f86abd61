import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sessionStoreContract } from '../contract/session-store.js';
import { redisPlace } from '../contract/sessions-kit.js';
import { onServer, type RedisCluster, startRedisCluster } from '../support/redis-cluster.js';

describe('a cluster of three masters', () => {
  let cluster: RedisCluster;
  let raw: Cluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
    raw = new Cluster([...cluster.nodes]);
  });
  afterAll(async () => {
    raw.disconnect();
    await cluster.stop();
  });

  sessionStoreContract('sessions in a cluster', async () => redisPlace(raw, { nodes: cluster.nodes }));

  it('has all keys of one user in one slot, and users in different ones', async () => {
    const place = redisPlace(raw, { nodes: cluster.nodes });
    const sessions = place.open();
    const slots = new Set<number>();
    for (let user = 0; user < 20; user += 1) {
      const userId = `user${user}`;
      await sessions.create({ userId, data: user });
      slots.add(Number(await raw.cluster('KEYSLOT', place.keyOf(userId))));
    }
    expect(slots.size).toBeGreaterThan(15);
    const keys = await Promise.all(
      cluster.masters.map((server) => onServer(server, (redis) => redis.keys(`${place.keyPrefix}*`))),
    );
    expect(keys.flat()).toHaveLength(20);
    await place.close();
  });
});

describe('a cluster whose master is lost', () => {
  it('goes on with its replica, and does no change twice', async () => {
    const cluster = await startRedisCluster({ replicasPerMaster: 1 });
    const raw = new Cluster([...cluster.nodes]);
    raw.on('error', () => undefined);
    const place = redisPlace(raw, { nodes: cluster.nodes });
    const { sessions } = place.openProcess({ commandTimeoutMillis: 500 });
    try {
      const { token } = (await sessions.create({ userId: 'ada', data: 0 }))._unsafeUnwrap();
      const master = await cluster.masterOf(place.keyOf('ada'));
      await onServer(master, async (redis) => redis.call('WAIT', 1, 5_000));
      let version = 1;
      let unsure = 0;
      const update = async () => {
        const result = await sessions.update(token, { data: version, version });
        if (result.isOk()) version = result.value.version;
        else expect(['unavailable', 'conflict']).toContain(result.error.kind);
        if (result.isErr()) unsure += 1;
        if (result.isErr() && result.error.kind === 'conflict') {
          // The replica has a change whose confirmation was lost: exactly that one.
          const read = (await sessions.get(token))._unsafeUnwrap();
          expect(read?.version).toBe(version + 1);
          version += 1;
        }
        return result.isOk();
      };
      for (let count = 0; count < 20; count += 1) expect(await update()).toBe(true);
      await onServer(master, async (redis) => redis.call('WAIT', 1, 5_000));
      await master.kill();
      await vi.waitFor(async () => expect(await update()).toBe(true), { timeout: 30_000, interval: 50 });
      expect(unsure).toBeGreaterThan(0);
      for (let count = 0; count < 20; count += 1) expect(await update()).toBe(true);
      expect((await sessions.get(token))._unsafeUnwrap()?.version).toBe(version);
      expect((await sessions.list('ada'))._unsafeUnwrap()).toHaveLength(1);
      expect((await sessions.revokeAll('ada'))._unsafeUnwrap()).toBe(1);
    } finally {
      await place.close();
      raw.disconnect();
      await cluster.stop();
    }
  });
});
