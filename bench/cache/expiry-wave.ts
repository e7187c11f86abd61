import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheKind } from './cache-port.js';
import { chatObject } from './chat-objects.js';
import { connected } from './memory-hits.js';
import { SteadyReads } from './steady-reads.js';

export interface ExpiryWave {
  readonly cache: string;
  readonly keys: number;
  /** While all of them came to their end once. */
  readonly loads: number;
  readonly calmP99Ms: number;
  readonly waveP99Ms: number;
}

const KEYS = 1_000;
const PER_SECOND = 2_000;
const TTL_MS = 3_000;
const LOAD_MS = 20;

/** A thousand values stored at once end at once, under steady reads; where a cache can, it may serve the old ones meanwhile. */
export async function measureExpiryWave(kind: CacheKind, redisUrl: string): Promise<ExpiryWave> {
  let loads = 0;
  const load = async (key: string) => {
    loads += 1;
    await sleep(LOAD_MS);
    return chatObject(key, 3_000);
  };
  const cache = await kind.open({ redisUrl, load, ttlMs: TTL_MS, staleMs: 60_000 });
  await connected(cache);
  const keys = Array.from({ length: KEYS }, (_, place) => `wave-${place}`);
  const storedAt = performance.now();
  await Promise.all(keys.map((key) => cache.read(key)));
  for (const key of keys) await cache.read(key);

  let next = 0;
  const reads = new SteadyReads(cache, PER_SECOND, () => keys[next++ % KEYS] ?? '');
  const endAt = storedAt + TTL_MS;
  await sleep(endAt - 100 - performance.now());
  loads = 0;
  // Each is read every half second, and so loaded in the first; what is loaded then does not end before this is over.
  await sleep(endAt + TTL_MS - 800 - performance.now());
  const loadsOfWave = loads;
  const overAt = performance.now();
  await reads.end();
  const calm = reads.between(storedAt + 1_000, endAt - 100);
  const wave = reads.between(endAt - 100, overAt);
  await cache.close();
  return { cache: kind.name, keys: KEYS, loads: loadsOfWave, calmP99Ms: calm.p99Ms, waveP99Ms: wave.p99Ms };
}
