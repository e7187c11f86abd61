import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createBetterAuthStorage, createExpressSessionStore } from '../../../src/adapters/index.js';
import { createForeignSessions } from '../../../src/sessions/create-foreign-sessions.js';
import { createMemoryForeignSessions } from '../../../src/sessions/memory-foreign-sessions.js';
import type { SessionStore } from '../../../src/sessions/session-store.js';
import { sha256 } from '../../../src/sessions/session-token.js';
import { betterAuthContract, expressSessionContract, type ForeignPlace } from '../../contract/adapters.js';
import { redisPlace } from '../../contract/sessions-kit.js';
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.js';

let raw: Redis;
let cluster: RedisCluster;
let clusterRaw: Cluster;
beforeAll(async () => {
  raw = new Redis(inject('redisUrl'));
  cluster = await startRedisCluster();
  clusterRaw = new Cluster([...cluster.nodes]);
});
afterAll(async () => {
  raw.disconnect();
  clusterRaw.disconnect();
  await cluster.stop();
});

function inRedis(client: Redis | Cluster, redis: Parameters<typeof redisPlace>[1]) {
  return async (): Promise<ForeignPlace & { keyPrefix: string }> => {
    const place = redisPlace(client, redis);
    const { keyPrefix } = place;
    return {
      keyPrefix,
      sessions: place.open(),
      remainingMs: (name, key) => client.pttl(`${keyPrefix}foreign-session:${name}:${sha256(key)}`),
      close: () => place.close(),
    };
  };
}

// Finds out how long a text lives by going there.
async function inMemory(): Promise<ForeignPlace> {
  let now = Date.now();
  const tier = createMemoryForeignSessions(() => now);
  const foreign = (name: string) => createForeignSessions(tier, name, () => false);
  return {
    sessions: { foreign } as unknown as SessionStore,
    async remainingMs(name, key) {
      const startedAt = now;
      const isThere = async (ms: number) => {
        now = startedAt + ms;
        return (await foreign(name).get(key))._unsafeUnwrap() !== null;
      };
      let [there, gone] = [0, 2 ** 40];
      while (gone - there > 1) {
        const middle = Math.floor((there + gone) / 2);
        if (await isThere(middle)) there = middle;
        else gone = middle;
      }
      now = startedAt;
      return gone;
    },
    close: async () => tier.close(),
  };
}

const redisMaker = () => inRedis(raw, { url: inject('redisUrl') })();
const clusterMaker = () => inRedis(clusterRaw, { nodes: cluster.nodes })();

expressSessionContract('in memory', inMemory);
expressSessionContract('in Redis', redisMaker);
expressSessionContract('in a cluster', clusterMaker);
betterAuthContract('in memory', inMemory);
betterAuthContract('in Redis', redisMaker);
betterAuthContract('in a cluster', clusterMaker);

describe('what the adapters keep in Redis', () => {
  it('has no session id or token in its keys, and always an end', async () => {
    const place = await redisMaker();
    const express = createExpressSessionStore({ Store: class {} }, place.sessions);
    const storage = createBetterAuthStorage(place.sessions);
    await express.set('secret-sid', { foo: 'bar' });
    await express.set('ended-sid', { foo: 'bar' });
    await express.destroy('ended-sid');
    await storage.set('secret-token', 'v');
    await storage.increment('secret-counter', 60);
    const keys = await raw.keys(`${place.keyPrefix}*`);
    expect(keys).toHaveLength(4);
    for (const key of keys) {
      expect(key).not.toMatch(/secret|ended-sid/);
      expect(await raw.pttl(key)).toBeGreaterThan(0);
    }
    await place.close();
  });
});

describe('adapters without Redis in reach', () => {
  it('tell it by an error of kind unavailable, through the callback too', async () => {
    const place = redisPlace(raw, { url: 'redis://127.0.0.1:1' });
    const sessions = place.open();
    const express = createExpressSessionStore({ Store: class {} }, sessions);
    await expect(express.get('x')).rejects.toMatchObject({ kind: 'unavailable' });
    const error = await new Promise((resolve) => express.set('x', {}, resolve));
    expect(error).toMatchObject({ kind: 'unavailable' });
    await expect(createBetterAuthStorage(sessions).get('x')).rejects.toMatchObject({ kind: 'unavailable' });
    await place.close();
  });

  it('leave what a callback throws to its caller, and call it once', async () => {
    const sessions = redisPlace(raw, { url: inject('redisUrl') });
    const express = createExpressSessionStore({ Store: class {} }, sessions.open());
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    let calls = 0;
    const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
    const reading = express.get('x', () => {
      calls += 1;
      throw new Error('of the caller');
    });
    expect(await thrown).toMatchObject({ message: 'of the caller' });
    for (const listener of listeners) process.on('uncaughtException', listener);
    await reading;
    expect(calls).toBe(1);
    await sessions.close();
  });
});
