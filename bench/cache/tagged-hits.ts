import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type Measurement, measure } from '../harness/measure.js';
import type { CacheKind, OpenCache } from './cache-port.js';
import { chatObject } from './chat-objects.js';
import { CALLS, connected } from './memory-hits.js';

const BYTES = 3_000;
const WARM_CALLS = 20_000;
const SETTLE_MS = 50;

export interface TaggedHits {
  readonly measurement: Measurement;
  /** Commands that Redis got for each thousand of tagged hits in memory. */
  readonly commands: readonly { readonly cache: string; readonly commandsPerThousand: number }[];
}

/** Hits in memory of values with a tag and of others, over a Redis that counts what it is asked. */
export async function measureTaggedHits(
  kinds: readonly CacheKind[],
  redisUrl: string,
  raw: Redis,
): Promise<TaggedHits> {
  const caches: { name: string; cache: OpenCache; tagged: NonNullable<OpenCache['tagged']> }[] = [];
  for (const kind of kinds) {
    const load = async (key: string) => chatObject(key, BYTES);
    const cache = await kind.open({ redisUrl, load, hasTags: true });
    const { tagged } = cache;
    if (tagged === undefined) throw new Error(`${kind.name} has no tags`);
    caches.push({ name: kind.name, cache, tagged });
  }
  const commands: TaggedHits['commands'][number][] = [];
  for (const { name, cache, tagged } of caches) {
    await connected(cache);
    await cache.read('chat-1');
    // A value that came from the loader, one from Redis where memory did not take that, and a hit; with a pause in which
    // what is asked in the background about a value just stored is asked.
    for (let read = 0; read < 3; read += 1) {
      await tagged.read('chat-2', 'tag');
      await sleep(SETTLE_MS);
    }
    await raw.config('RESETSTAT');
    for (let call = 0; call < CALLS; call += 1) await tagged.call('chat-2', 'tag');
    commands.push({ cache: name, commandsPerThousand: await commandsOf(raw) });
  }
  for (const { cache, tagged } of caches.filter(({ name }) => isQuick(name, commands))) {
    for (let call = 0; call < WARM_CALLS; call += 1) {
      await cache.call('chat-1');
      await tagged.call('chat-2', 'tag');
    }
  }
  const measurement = await measure<null>({
    name: 'memory hit, 3 kB, with a tag',
    input: () => null,
    steps: 20,
    warmUp: 2,
    candidates: caches.flatMap(({ name, cache, tagged }) => [
      {
        name: `${name}, untagged`,
        every: isQuick(name, commands) ? 1 : 10,
        run: () => repeat(() => cache.call('chat-1')),
      },
      {
        name: `${name}, tagged`,
        every: isQuick(name, commands) ? 1 : 10,
        run: () => repeat(() => tagged.call('chat-2', 'tag')),
      },
    ]),
  });
  for (const { cache } of caches) await cache.close();
  return { measurement, commands };
}

/** Some ask Redis for the tag's version at each hit. */
function isQuick(name: string, commands: TaggedHits['commands']): boolean {
  return commands.some(({ cache, commandsPerThousand }) => cache === name && commandsPerThousand < CALLS);
}

async function repeat(call: () => ReturnType<OpenCache['call']>): Promise<void> {
  for (let count = 0; count < CALLS; count += 1) await call();
}

/** But for PINGs of connections that only make sure of Redis, and our own. */
async function commandsOf(raw: Redis): Promise<number> {
  const stats = await raw.info('commandstats');
  return [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
    .filter(([, command = '']) => !['ping', 'info', 'config|resetstat'].includes(command))
    .reduce((sum, [, , calls]) => sum + Number(calls), 0);
}
