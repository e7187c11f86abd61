import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenCache } from '../cache/cache-port.js';
import { type Check, findOld, taggedCalls } from './check.js';
import type { Ground } from './ground.js';
import { Source } from './source.js';

const LOAD_MS = 150;
/** For messages, and for writes that a cache does not wait for. */
const SETTLING_MS = 200;

/** What changes while a load is about to return the version before. */
function duringLoad(
  name: string,
  change: (caches: { own: OpenCache; other: OpenCache }) => Promise<void>,
): Check {
  return {
    name: `${name} during a load: no old value after`,
    async run({ open }) {
      const source = new Source(LOAD_MS);
      const [own, other] = [await open(source), await open(source)];
      await other.read('another key');
      const isLoading = source.loading();
      const reading = own.read('key');
      await isLoading;
      source.version = 2;
      await change({ own, other });
      await reading.catch(() => {});
      await sleep(SETTLING_MS);
      return findOld([own, other, await open(source)], 2);
    },
  };
}

export const changeChecks: readonly Check[] = [
  duringLoad('delete', ({ own }) => own.delete('key')),
  duringLoad('delete by another process', ({ other }) => other.delete('key')),
  duringLoad('set', ({ own }) => own.set('key', { id: 'key', version: 2 })),
  duringLoad('set by another process', ({ other }) => other.set('key', { id: 'key', version: 2 })),
  {
    name: 'delete during a refresh in the background: no old value after',
    async run({ open }) {
      const source = new Source();
      const life = { ttlMs: 300, staleMs: 20_000 };
      const [own, other] = [
        await open({ load: source.load, ...life }),
        await open({ load: source.load, ...life }),
      ];
      await own.read('key');
      await sleep(400);
      source.delayMs = LOAD_MS;
      const isLoading = source.loading();
      const reading = own.read('key');
      await isLoading;
      source.version = 2;
      await own.delete('key');
      await reading;
      await sleep(SETTLING_MS);
      return findOld([own, other], 2);
    },
  },
  {
    name: 'tag invalidated during a load: no old value after',
    needs: 'tagged',
    async run(ground) {
      const source = new Source(LOAD_MS);
      const [own, other] = [await openTagged(ground, source), await openTagged(ground, source)];
      await taggedCalls(other).read('another key', 'tag');
      const isLoading = source.loading();
      const reading = taggedCalls(own).read('key', 'tag');
      await isLoading;
      source.version = 2;
      await taggedCalls(other).invalidate('tag');
      await reading;
      await sleep(SETTLING_MS);
      return findOld([own, other], 2, (cache) => taggedCalls(cache).read('key', 'tag'));
    },
  },
  {
    name: 'tag invalidated three times, once slowly: all of them count',
    needs: 'tagged',
    async run(ground) {
      const source = new Source();
      const wire = await ground.startWire();
      const [slow, quick] = [await openTagged(ground, source, wire), await openTagged(ground, source)];
      await taggedCalls(slow).read('another key', 'tag');
      await taggedCalls(quick).read('another key', 'tag');
      wire.delayData(200);
      // One that waits no longer for Redis may say so.
      const invalidating = taggedCalls(slow)
        .invalidate('tag')
        .catch(() => {});
      await sleep(50);
      await taggedCalls(quick).invalidate('tag');
      await taggedCalls(quick).read('key', 'tag');
      source.version = 2;
      await taggedCalls(quick).invalidate('tag');
      await invalidating;
      wire.delayData(0);
      await sleep(SETTLING_MS);
      const readers = [quick, await openTagged(ground, source)];
      return findOld(readers, 2, (cache) => taggedCalls(cache).read('key', 'tag'));
    },
  },
  {
    name: 'tag evicted from Redis: a miss, no old value',
    needs: 'tagged',
    async run(ground) {
      const source = new Source();
      const own = await openTagged(ground, source);
      await taggedCalls(own).read('key', 'tag-to-evict');
      source.version = 2;
      await taggedCalls(own).invalidate('tag-to-evict');
      const ofTag = await ground.raw.keys('*tag-to-evict*');
      if (ofTag.length > 0) await ground.raw.del(ofTag);
      await sleep(SETTLING_MS);
      const readers = [own, await openTagged(ground, source)];
      return findOld(readers, 2, (cache) => taggedCalls(cache).read('key', 'tag-to-evict'));
    },
  },
];

function openTagged({ open }: Ground, { load }: Source, wire?: Awaited<ReturnType<Ground['startWire']>>) {
  return open({ load, hasTags: true, ...(wire && { wire }) });
}
