import { type Measurement, measure } from '../harness/measure.js';
import type { CacheKind, CacheOptions, OpenCache } from './cache-port.js';
import { chatObject } from './chat-objects.js';
import { connected } from './memory-hits.js';

const BYTES = 3_000;
const BATCH = { known: 80, unknown: 20 };
const KNOWN_KEYS = 1_000;
const STEPS = 40;

/** Reads of a hundred keys at once, eighty of them hits: in memory, or in Redis. */
export async function measureBatches(
  kinds: readonly CacheKind[],
  redisUrl: string,
): Promise<readonly Measurement[]> {
  return [
    await measureBatch('batch of 100, 80 in memory', kinds, { redisUrl, tiers: 'both' }),
    await measureBatch('batch of 100, 80 in Redis', kinds, { redisUrl, tiers: 'redis' }),
  ];
}

async function measureBatch(
  name: string,
  kinds: readonly CacheKind[],
  options: Pick<CacheOptions, 'redisUrl' | 'tiers'>,
): Promise<Measurement> {
  const objects = Array.from({ length: KNOWN_KEYS }, (_, place) => chatObject(`chat-${place}`, BYTES));
  const loadOne = (key: string) => ({ ...objects[Number(/\d+$/.exec(key)?.[0] ?? 0) % KNOWN_KEYS], id: key });
  const loads = {
    load: async (key: string) => loadOne(key),
    loadMany: async (keys: readonly string[]) => new Map(keys.map((key) => [key, loadOne(key)])),
  };
  const known = Array.from({ length: KNOWN_KEYS }, (_, place) => `${options.tiers}-known-${place}`);
  const caches: { name: string; cache: OpenCache }[] = [];
  for (const kind of kinds) {
    const cache = await kind.open({ ...options, ...loads });
    await connected(cache);
    for (let at = 0; at < KNOWN_KEYS; at += 100) await readMany(cache, known.slice(at, at + 100));
    caches.push({ name: kind.name, cache });
  }
  const measurement = await measure<readonly string[]>({
    name,
    input: (step) => [
      ...Array.from(
        { length: BATCH.known },
        (_, place) => known[(step * BATCH.known + place) % KNOWN_KEYS] ?? '',
      ),
      ...Array.from(
        { length: BATCH.unknown },
        (_, place) => `${options.tiers}-new-${step * BATCH.unknown + place}`,
      ),
    ],
    steps: STEPS,
    warmUp: Number(process.env.WU ?? 20),
    candidates: caches.map(({ name: way, cache }) => ({
      name: way,
      run: async (keys) => {
        const found = await readMany(cache, keys);
        if (found.size !== keys.length) throw new Error(`${way} gave ${found.size} of ${keys.length} values`);
      },
    })),
  });
  for (const { cache } of caches) await cache.close();
  return measurement;
}

/** What one does where there is no call for many. */
async function readMany(cache: OpenCache, keys: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
  if (cache.readMany !== undefined) return cache.readMany(keys);
  return new Map(await Promise.all(keys.map(async (key) => [key, await cache.read(key)] as const)));
}
