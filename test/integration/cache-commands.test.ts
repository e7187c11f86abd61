import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeRedisCache, type RedisCache, whenCoherent } from '../contract/cache-kit.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';

// Heart-beats of the connections, and what this test asks itself.
const NOT_OF_READS = ['ping', 'info', 'config|resetstat'];

let server: RedisServer;
let raw: Redis;
let cache: RedisCache;

beforeAll(async () => {
  // A server of its own: its counters are of all clients.
  server = await startRedisServer();
  raw = new Redis(server.url);
  ({ cache } = makeRedisCache({ url: server.url }));
  await whenCoherent(cache);
});
afterAll(async () => {
  await cache.close();
  raw.disconnect();
  await server.stop();
});

async function commandsDuring(work: () => Promise<void>): Promise<string[]> {
  await raw.config('RESETSTAT');
  await work();
  const names = [...(await raw.info('commandstats')).matchAll(/^cmdstat_([^:]+):/gm)].map(
    ([, name]) => name ?? '',
  );
  return names.filter((name) => !NOT_OF_READS.includes(name));
}

describe('a hit in memory', () => {
  it.each([
    ['with tags', ['a', 'b', 'c']],
    ['without tags', []],
  ])('sends nothing to Redis, %s', async (name, tags) => {
    const load = async () => ({ text: 'value' });
    const read = () => cache.getOrSet(name, load, { ttlSeconds: 600, tags });
    const commandsOfMiss = await commandsDuring(async () => {
      (await read())._unsafeUnwrap();
    });
    expect(commandsOfMiss).toContain('evalsha');
    // Once what Redis tells about the fill has come in.
    await vi.waitFor(async () => {
      const before = cache.stats().memoryHits;
      for (let call = 0; call < 5; call += 1) (await read())._unsafeUnwrap();
      expect(cache.stats().memoryHits).toBe(before + 5);
    });
    const hits = cache.stats().memoryHits;
    const commands = await commandsDuring(async () => {
      for (let call = 0; call < 1_000; call += 1) (await read())._unsafeUnwrap();
      for (let call = 0; call < 1_000; call += 1) (await cache.get(name))._unsafeUnwrap();
    });
    expect(commands).toEqual([]);
    expect(cache.stats().memoryHits - hits).toBe(2_000);
  });
});
