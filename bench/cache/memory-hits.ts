import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import { type Measurement, measure } from '../harness/measure.js';
import type { CacheKind, OpenCache } from './cache-port.js';
import { chatObject, SIZES } from './chat-objects.js';
import { uniform, zipf } from './key-streams.js';
import { STORE } from './store-cache.js';

const KEYS = 1_000;
/** Calls a sample: one alone is shorter than what a clock tells. */
export const CALLS = 1_000;
const STEPS = 12;
const PEEKS = 20_000;

const STREAMS = {
  uniform: () => uniform(KEYS, 1),
  Zipf: () => zipf(KEYS, 0.99, 1),
};

export interface MemoryHits {
  readonly calls: readonly Measurement[];
  readonly peeks: readonly Measurement[];
}

/** Reads that memory answers, one after the other, of all caches by turns. */
export async function measureMemoryHits(kinds: readonly CacheKind[], redisUrl: string): Promise<MemoryHits> {
  const calls: Measurement[] = [];
  const peeks: Measurement[] = [];
  for (const { label, bytes } of SIZES) {
    const keys = Array.from({ length: KEYS }, (_, place) => `chat-${bytes}-${place}`);
    const load = async (key: string) => chatObject(key, bytes);
    const raw = new LRUCache<string, object>({ max: 2 * KEYS });
    for (const key of keys) raw.set(key, chatObject(key, bytes));
    const caches = await openFilled(kinds, redisUrl, keys, load);
    for (const [stream, next] of Object.entries(STREAMS)) {
      const asked = samplesOf(next(), keys, CALLS);
      calls.push(
        await measure<readonly string[]>({
          name: `memory hit, ${label}, ${stream}`,
          input: (step) => asked[step % asked.length] ?? [],
          steps: STEPS,
          warmUp: 6,
          candidates: [
            ...[...caches].map(([name, { call }]) => ({
              name,
              run: async (sample: readonly string[]) => {
                for (const key of sample) await call(key);
              },
            })),
            {
              name: 'lru-cache',
              run: async (sample) => {
                for (const key of sample) raw.get(key);
              },
            },
          ],
        }),
      );
      peeks.push(
        await measurePeeks(`peek, ${label}, ${stream}`, caches, raw, samplesOf(next(), keys, PEEKS)),
      );
    }
    for (const cache of caches.values()) await cache.close();
  }
  return { calls, peeks };
}

function measurePeeks(
  name: string,
  caches: ReadonlyMap<string, OpenCache>,
  raw: LRUCache<string, object>,
  asked: readonly (readonly string[])[],
): Promise<Measurement> {
  const { peek } = caches.get(STORE) ?? {};
  if (peek === undefined) throw new Error('the store peeks');
  let found = 0;
  const ways = [
    { name: STORE, get: peek },
    { name: 'lru-cache', get: (key: string) => raw.get(key) },
  ];
  return measure<readonly string[]>({
    name,
    input: (step) => asked[step % asked.length] ?? [],
    steps: STEPS,
    warmUp: 6,
    candidates: ways.map(({ name: way, get }) => ({
      name: way,
      run: async (sample) => {
        found = 0;
        for (const key of sample) if (get(key) !== undefined) found += 1;
        if (found !== sample.length) throw new Error(`${way} had ${found} of ${sample.length} in memory`);
      },
    })),
  });
}

/** Caches that have all keys in memory, which is seen to: what they give is right, and they load nothing more. */
async function openFilled(
  kinds: readonly CacheKind[],
  redisUrl: string,
  keys: readonly string[],
  load: (key: string) => Promise<unknown>,
): Promise<ReadonlyMap<string, OpenCache>> {
  const caches = new Map<string, OpenCache>();
  for (const kind of kinds) {
    let loads = 0;
    const counted = (key: string) => {
      loads += 1;
      return load(key);
    };
    const cache = await kind.open({ redisUrl, load: counted });
    await connected(cache);
    loads = 0;
    for (const key of keys) await cache.read(key);
    for (const key of keys) {
      if (!isDeepStrictEqual(await cache.read(key), await load(key)))
        throw new Error(`${kind.name}: wrong value`);
    }
    if (loads !== keys.length) throw new Error(`${kind.name} loaded ${loads} times for ${keys.length} keys`);
    caches.set(kind.name, cache);
  }
  return caches;
}

/** Some keep nothing in memory before they can be told of changes. */
export async function connected(cache: OpenCache): Promise<void> {
  await cache.read('first-0');
  await sleep(200);
}

function samplesOf(
  next: () => number,
  keys: readonly string[],
  calls: number,
): readonly (readonly string[])[] {
  return Array.from({ length: 4 }, () => Array.from({ length: calls }, () => keys[next()] ?? ''));
}
