import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenCache } from '../cache/cache-port.js';
import { type Check, findOld } from './check.js';
import type { Ground } from './ground.js';
import { Source } from './source.js';

const BOUND_MS = 1_000;
/** How long to wait for what is late already. */
const PATIENCE_MS = 3_000;

const FAULTS: readonly (readonly [name: string, strike: (ground: Ground) => Promise<void>])[] = [
  ['frozen', async ({ redis }) => redis.stopProcess()],
  ['killed', ({ redis }) => redis.kill()],
];

export const faultChecks: readonly Check[] = [
  ...FAULTS.flatMap(([fault, strike]): Check[] => [
    {
      name: `Redis ${fault}: a cold read answers within 1 s`,
      async run(ground) {
        const cache = await ground.open(new Source());
        await cache.read('hot');
        await strike(ground);
        const ms = await timeOf(() => cache.read('cold'));
        return ms <= BOUND_MS ? null : lateness(ms);
      },
    },
    {
      name: `Redis ${fault}: what memory has is served as before`,
      async run(ground) {
        const cache = await ground.open(new Source());
        await cache.read('hot');
        await sleep(200);
        await cache.read('hot');
        await strike(ground);
        let slowest = 0;
        for (let call = 0; call < 20; call += 1) {
          slowest = Math.max(slowest, await timeOf(() => cache.read('hot')));
          await sleep(20);
        }
        return slowest <= 50 ? null : lateness(slowest);
      },
    },
  ]),
  {
    name: 'Redis killed for 2 s: in use again within 1.5 s of its return',
    async run(ground) {
      const cache = await ground.open(new Source());
      await cache.read('hot');
      await ground.redis.kill();
      const endReads = readSteadily(cache);
      await sleep(2_000);
      await ground.redis.restart();
      const returnedAt = performance.now();
      let isBack = false;
      while (!isBack && performance.now() - returnedAt < PATIENCE_MS) {
        await sleep(10);
        isBack = (await ground.raw.dbsize().catch(() => 0)) > 0;
      }
      const ms = performance.now() - returnedAt;
      endReads();
      return isBack && ms <= 1_500 ? null : lateness(ms);
    },
  },
  {
    name: 'delete while Redis is frozen: says so within 1 s, no old value after',
    async run({ open, redis }) {
      const source = new Source();
      const [own, other] = [await open(source), await open(source)];
      await own.read('key');
      await other.read('key');
      redis.stopProcess();
      source.version = 2;
      const deleting = own.delete('key').then(
        () => 'said to be done',
        () => null,
      );
      const answered = await Promise.race([deleting, sleep(BOUND_MS, 'no answer')]);
      redis.continueProcess();
      await Promise.race([deleting, sleep(PATIENCE_MS)]);
      await sleep(1_500);
      return answered ?? findOld([own, other], 2);
    },
  },
];

/** New keys, a hundred a second, whatever becomes of them. */
function readSteadily(cache: OpenCache): () => void {
  let read = 0;
  const timer = setInterval(() => {
    read += 1;
    cache.read(`key ${read}`).catch(() => {});
  }, 10);
  return () => clearInterval(timer);
}

async function timeOf(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await Promise.race([call(), sleep(PATIENCE_MS)]);
  return performance.now() - startedAt;
}

function lateness(ms: number): string {
  return ms < PATIENCE_MS ? `${Math.round(ms)} ms` : `> ${PATIENCE_MS / 1_000} s`;
}
