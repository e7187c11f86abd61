import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheService } from '../../src/cache/cache-service.js';
import { aKeyPrefix, makeRedisCache, type RedisCacheOptions, whenCoherent } from '../contract/cache-kit.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';

const OUTAGE_MS = 5_000;
const READS_A_SECOND = 1_000;

let server: RedisServer;
let keyPrefix: string;
let endings: (() => unknown)[];
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);

beforeEach(async () => {
  server = await startRedisServer();
  keyPrefix = aKeyPrefix();
  endings = [];
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  process.off('unhandledRejection', note);
  server.continueProcess();
  for (const end of endings.reverse()) await end();
  await server.stop();
  expect(unhandled).toEqual([]);
});

async function makeCache(options: RedisCacheOptions = {}) {
  // The default of the configuration.
  const { cache } = makeRedisCache({ url: server.url, keyPrefix, commandTimeoutMillis: 100, ...options });
  endings.push(() => cache.close());
  await whenCoherent(cache);
  return cache;
}

/** Reads keys at a steady rate, hot and cold ones in turn, and notes how each read ended. */
function readSteadily(cache: CacheService) {
  const reads: { at: number; ms: number; isOk: boolean; machineMs: number }[] = [];
  let isStopped = false;
  let count = 0;
  const done = (async () => {
    const pending: Promise<void>[] = [];
    const startedAt = performance.now();
    while (!isStopped) {
      while (count < ((performance.now() - startedAt) * READS_A_SECOND) / 1_000) {
        const at = performance.now();
        const key = count % 2 === 0 ? `hot ${count % 20}` : `cold ${count}`;
        // How long nothing at all takes at this moment, where other processes take the processor away.
        const machine = Promise.resolve().then(() => performance.now() - at);
        pending.push(
          (async () => {
            const answer = await cache.getOrSet(key, async () => ({ key }), { ttlSeconds: 60 });
            reads.push({ at, ms: performance.now() - at, isOk: answer.isOk(), machineMs: await machine });
          })(),
        );
        count += 1;
      }
      await sleep(1);
    }
    await Promise.all(pending);
  })();
  return {
    reads,
    stop: () => {
      isStopped = true;
      return done;
    },
  };
}

function p99Of(values: number[]): number {
  const sorted = values.sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Infinity;
}

describe.each(['frozen', 'killed'] as const)('R12: Redis %s for 5 s under 1,000 reads a second', (how) => {
  it('rejects none, slows none after the first 100 ms, and is used again within 1.5 s', async () => {
    const client = new Redis(server.url);
    client.on('error', () => undefined);
    endings.push(() => client.disconnect());
    const cache = await makeCache(how === 'frozen' ? { client } : {});
    const reading = readSteadily(cache);
    await sleep(1_000);

    const outageAt = performance.now();
    if (how === 'frozen') server.stopProcess();
    else await server.kill();
    await sleep(OUTAGE_MS);
    expect(cache.stats().redis).toBe('down');
    if (how === 'frozen') expect(client.commandQueue.length).toBeLessThan(250);
    if (how === 'frozen') server.continueProcess();
    else await server.restart();
    const backAt = performance.now();
    await vi.waitFor(() => expect(cache.stats().redis).toBe('up'), { timeout: 10_000, interval: 5 });
    const upAfterMs = performance.now() - backAt;
    await sleep(500);
    await reading.stop();

    const during = reading.reads.filter(({ at }) => at >= outageAt + 100 && at < backAt);
    const p99 = p99Of(during.map(({ ms }) => ms));
    const machineP99 = p99Of(during.map(({ machineMs }) => machineMs));
    expect(reading.reads.filter(({ isOk }) => !isOk)).toEqual([]);
    expect(during.length).toBeGreaterThan(3_000);
    expect(p99 - machineP99).toBeLessThanOrEqual(10);
    expect(upAfterMs).toBeLessThanOrEqual(1_500);
  });
});

describe('R13: writes made while Redis hangs', () => {
  it('are followed by no stale read in any of three processes from 1 s after its return', async () => {
    const caches = [await makeCache(), await makeCache(), await makeCache()];
    const keys = Array.from({ length: 60 }, (_, index) => `k${index}`);
    const truth = new Map<string, string>(keys.map((key) => [key, 'old']));
    const load = (key: string) => async () => truth.get(key) ?? '';
    const readAll = async (cache: CacheService) => {
      for (const key of keys) {
        const tags = [`tag of ${key}`];
        const value = (await cache.getOrSet(key, load(key), { tags }))._unsafeUnwrap();
        if (value !== truth.get(key)) return `${key}: ${value}`;
      }
      return 'fresh';
    };
    for (const cache of caches) expect(await readAll(cache)).toBe('fresh');
    for (const cache of caches) expect(await readAll(cache)).toBe('fresh');

    server.stopProcess();
    const readers = caches.map((cache) => readSteadily(cache));
    await vi.waitFor(() =>
      expect(caches.map((cache) => cache.stats().redis)).toEqual(['down', 'down', 'down']),
    );
    // Each process changes a third, in each of the three ways; the others go on reading.
    for (const [index, key] of keys.entries()) {
      const cache = caches[index % 3];
      truth.set(key, 'new');
      if (index % 4 === 0) await cache?.delete(key);
      else if (index % 4 === 1) await cache?.set(key, 'new', { tags: [`tag of ${key}`] });
      else await cache?.invalidateTags([`tag of ${key}`]);
    }
    await sleep(1_500);
    server.continueProcess();
    await sleep(1_000);
    for (let round = 0; round < 3; round += 1)
      for (const cache of caches) expect(await readAll(cache)).toBe('fresh');
    await Promise.all(readers.map((reader) => reader.stop()));
    for (const cache of caches) expect(cache.stats().redis).toBe('up');
  });
});
