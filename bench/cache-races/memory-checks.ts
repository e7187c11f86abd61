import { setTimeout as sleep } from 'node:timers/promises';
import { type Check, findOld } from './check.js';
import { Source, versionOf } from './source.js';

const TRIES = 5;

export const memoryChecks: readonly Check[] = [
  {
    name: 'value on its way to memory (+40 ms) when it changes: no old value after',
    async run({ open, startWire }) {
      const source = new Source();
      const wire = await startWire();
      const [far, near] = [await open({ load: source.load, wire }), await open(source)];
      await far.read('another key');
      await near.read('another key');
      await sleep(200);
      let old = 0;
      for (let attempt = 0; attempt < TRIES; attempt += 1) {
        const key = `key ${attempt}`;
        source.version = 1;
        await near.read(key);
        wire.delayData(40);
        const reading = far.read(key);
        await sleep(15);
        source.version = 2;
        await near.set(key, { id: key, version: 2 });
        await reading;
        wire.delayData(0);
        await sleep(100);
        if (versionOf(await far.read(key)) !== 2) old += 1;
      }
      return old === 0 ? null : `old value, ${old} of ${TRIES}`;
    },
  },
  {
    name: 'bus cut for 0.7 s, changed meanwhile: no old value 2 s after, and the next change is heard',
    async run({ open, startWire }) {
      const source = new Source();
      const wire = await startWire();
      const [deaf, other] = [await open({ load: source.load, wire }), await open(source)];
      await deaf.read('key');
      await sleep(200);
      wire.cutBus();
      source.version = 2;
      await other.set('key', { id: 'key', version: 2 });
      await sleep(700);
      wire.mendBus();
      await sleep(2_000);
      const old = await findOld([deaf], 2);
      if (old !== null) return old;
      source.version = 3;
      await other.set('key', { id: 'key', version: 3 });
      await sleep(200);
      const unheard = await findOld([deaf], 3);
      return unheard === null ? null : `${unheard} after the next change`;
    },
  },
  {
    name: 'set by 4 processes at once: all see one value after',
    async run({ open }) {
      const source = new Source();
      const caches = [await open(source), await open(source), await open(source), await open(source)];
      await Promise.all(caches.map((cache) => cache.read('key')));
      await sleep(200);
      await Promise.all(
        caches.flatMap((cache, place) =>
          Array.from({ length: 25 }, (_, time) =>
            cache.set('key', { id: 'key', version: 100 * place + time }),
          ),
        ),
      );
      await sleep(300);
      const inRedis = versionOf(await (await open(source)).read('key'));
      const seen = await Promise.all(caches.map(async (cache) => versionOf(await cache.read('key'))));
      const others = seen.filter((version) => version !== inRedis).length;
      return others === 0 ? null : `${others} of 4 see another`;
    },
  },
  {
    name: 'memory keeps a value no longer than Redis would have',
    async run({ open }) {
      const source = new Source();
      const life = { load: source.load, ttlMs: 1_200 };
      const [first, later] = [await open(life), await open(life)];
      await first.read('key');
      await sleep(800);
      await later.read('key');
      source.version = 2;
      await sleep(800);
      return findOld([later], 2);
    },
  },
];
