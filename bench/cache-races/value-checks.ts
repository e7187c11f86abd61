import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Check, findOld } from './check.js';
import { Source } from './source.js';

const ROUNDS = 10;

export const valueChecks: readonly Check[] = [
  {
    name: 'taken by two processes at once: one of them gets it',
    needs: 'take',
    async run({ open, startWire }) {
      const source = new Source();
      const wire = await startWire();
      const [one, other] = [await open({ load: source.load, wire }), await open({ load: source.load, wire })];
      let wrong = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        await one.set(`key ${round}`, { id: 'key', version: 1 });
        await sleep(20);
        wire.delayData(20);
        const taken = await Promise.all([one.take?.(`key ${round}`), other.take?.(`key ${round}`)]);
        wire.delayData(0);
        if (taken.filter((value) => value !== undefined).length !== 1) wrong += 1;
      }
      return wrong === 0 ? null : `not one winner, ${wrong} of ${ROUNDS}`;
    },
  },
  {
    name: 'a caller changes the value it got: nobody else sees that',
    async run({ open }) {
      const cache = await open(new Source());
      await cache.read('key');
      const mine = (await cache.read('key')) as { version: number };
      try {
        mine.version = 2;
      } catch {
        // It is frozen: as good.
      }
      return (await findOld([cache], 1)) === null ? null : 'changed for all';
    },
  },
  {
    name: 'Date, Map and bigint come back from Redis as they were',
    async run({ open }) {
      const value = { id: 'key', at: new Date(86_400_000), parts: new Map([['whole', 2n ** 64n]]) };
      const load = async () => structuredClone(value);
      const [writer, reader] = [await open({ load }), await open({ load: async () => 'not from Redis' })];
      const written = await writer.read('key').catch(() => undefined);
      await sleep(100);
      const read = await reader.read('key').catch(() => undefined);
      return isDeepStrictEqual(written, value) && isDeepStrictEqual(read, value) ? null : 'something else';
    },
  },
];
