import { Redis } from 'ioredis';
import { measureThroughput, type Throughput } from '../harness/throughput.js';
import type { CacheKind, OpenCache } from './cache-port.js';
import { chatObject, SIZES } from './chat-objects.js';
import { replay, type SentScript, watchScripts } from './sent-commands.js';
import { openStoreCache } from './store-cache.js';

/** Reads at a time. */
const IN_FLIGHT = 64;
const KEYS = 1_000;
const CALLS = 2_000;
/** Before the three rounds: a cache has more code than V8 has made fast after the first thousand calls. */
const WARM_CALLS = 10_000;
/** Those of a floor cannot be sent twice, and are of ioredis alone, which the caches have warmed. */
const FLOOR_WARM_CALLS = 1_000;

/** The floors: the very scripts that the store was seen to send; and with the JSON that is in any answer read, or written. */
export const FLOORS = { bare: 'ioredis', json: 'ioredis + JSON' } as const;

/** Reads that find nothing in memory: of what Redis has, and of what nobody has and is loaded and stored. */
export async function measureRedisReads(
  kinds: readonly CacheKind[],
  redisUrl: string,
  raw: Redis,
): Promise<readonly Throughput[]> {
  const measured: Throughput[] = [];
  for (const { label, bytes } of SIZES) {
    await raw.flushall();
    const objects = Array.from({ length: KEYS }, (_, place) => chatObject(`chat-${place}`, bytes));
    const load = async (key: string) => objects[Number(/\d+$/.exec(key)?.[0] ?? 0) % KEYS];
    const texts = objects.map((object) => JSON.stringify(object));
    const caches: { name: string; cache: OpenCache }[] = [];
    for (const kind of kinds) {
      caches.push({ name: kind.name, cache: await kind.open({ redisUrl, tiers: 'redis', load }) });
    }
    const floor = new Redis(redisUrl);
    const { hits, misses } = await recordScripts(redisUrl, raw, load);
    const takeHit = counter(KEYS);
    const takeMiss = counter(misses.length / 2);
    const takeOther = counter(misses.length / 2);
    const scriptsAt = (scripts: readonly (readonly SentScript[])[], place: number) => scripts[place] ?? [];

    for (const { cache } of caches) {
      for (let place = 0; place < KEYS; place += 1) await cache.read(`chat-${place}`);
    }
    measured.push(
      await measureCalls(`Redis hit, ${label}`, [
        ...caches.map(({ name, cache: { call } }) => {
          const next = counter(KEYS);
          return { name, run: async () => void (await call(`chat-${next()}`)) };
        }),
        { name: FLOORS.bare, run: async () => void (await replay(floor, scriptsAt(hits, takeHit()))) },
        {
          name: FLOORS.json,
          run: async () => {
            const place = takeHit();
            await replay(floor, scriptsAt(hits, place));
            JSON.parse(texts[place] ?? '');
          },
        },
      ]),
      await measureCalls(`miss and fill, ${label}`, [
        ...caches.map(({ name, cache: { call } }) => {
          const next = counter(Number.POSITIVE_INFINITY);
          return { name, run: async () => void (await call(`new-${next()}`)) };
        }),
        { name: FLOORS.bare, run: async () => void (await replay(floor, scriptsAt(misses, takeMiss()))) },
        {
          name: FLOORS.json,
          run: async () => {
            const place = takeOther();
            JSON.stringify(objects[place % KEYS]);
            await replay(floor, scriptsAt(misses, misses.length / 2 + place));
          },
        },
      ]),
    );
    floor.disconnect();
    for (const { cache } of caches) await cache.close();
  }
  return measured;
}

function measureCalls(name: string, candidates: { name: string; run(input: number): Promise<unknown> }[]) {
  const floors: readonly string[] = Object.values(FLOORS);
  const warmUp = async () => {
    for (const { name: candidate, run } of candidates) {
      const calls = floors.includes(candidate) ? FLOOR_WARM_CALLS : WARM_CALLS;
      const client = async () => {
        for (let call = 0; call < calls / IN_FLIGHT; call += 1) await run(call);
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, client));
    }
  };
  const inputs = Array.from({ length: CALLS }, (_, call) => call);
  return warmUp().then(() => measureThroughput({ name, clients: IN_FLIGHT, inputs, candidates }));
}

/** What a store of its own sends for each key: for one that Redis has, and for one that nobody has, which is then gone again. */
async function recordScripts(redisUrl: string, raw: Redis, load: (key: string) => Promise<unknown>) {
  const client = new Redis(redisUrl);
  const cache = await openStoreCache({ redisUrl, tiers: 'redis', load }, { client, keyPrefix: 'floor:' });
  const record = async (name: string, count: number, scriptsEach: number) => {
    const recorded: (readonly SentScript[])[] = [];
    for (let place = 0; place < count; place += 1) {
      const sent = await watchScripts(client, () => cache.read(`${name}-${place}`));
      // Without those, with no arguments, that ask in the background for the copy of the read before.
      const scripts = sent.filter(({ keyCount, rest }) => rest.length > keyCount);
      if (scripts.length !== scriptsEach) {
        throw new Error(`the store sent ${scripts.length} scripts for a read, not ${scriptsEach}`);
      }
      recorded.push(scripts);
    }
    return recorded;
  };
  // The server knows no script before the first call of each.
  await cache.read('first-0');
  await cache.read('first-0');
  // Of each floor: all rounds and the warming up, which is rounded up by the readers.
  const misses = await record('floor', 2 * (3 * CALLS + FLOOR_WARM_CALLS + IN_FLIGHT), 2);
  for (let place = 0; place < KEYS; place += 1) await cache.read(`chat-${place}`);
  const hits = await record('chat', KEYS, 1);
  await cache.close();
  client.disconnect();
  const gone = misses.flatMap((scripts) =>
    scripts.flatMap(({ keyCount, rest }) => rest.slice(0, keyCount).map(String)),
  );
  for (let at = 0; at < gone.length; at += 1_000) await raw.del(gone.slice(at, at + 1_000));
  return { hits, misses };
}

function counter(below: number): () => number {
  let next = 0;
  return () => next++ % below;
}
