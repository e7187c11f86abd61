// Redis out of reach makes a read slower by a bounded time, and never fails it.
//
//   npx tsx examples/cache-without-redis.ts                       a port where nobody listens
//   REDIS_URL=redis://… npx tsx examples/cache-without-redis.ts   the normal way as well
import { createMacroStore } from '@macro-ai/store';

const NOBODY = 'redis://127.0.0.1:1';
let loads = 0;

await readTwice('nobody listens', NOBODY);
if (process.env['REDIS_URL']) await readTwice('REDIS_URL', process.env['REDIS_URL']);
else console.log('REDIS_URL is not set: the run with Redis is left out');

async function readTwice(label: string, url: string): Promise<void> {
  const store = createMacroStore({ redis: { url, commandTimeoutMillis: 100 } });
  const key = `example:profile:${process.pid}`;
  for (const attempt of ['first read', 'second read']) {
    const loadsBefore = loads;
    const started = performance.now();
    const profile = await store.cache.getOrSet(key, loadProfile, { ttlSeconds: 60 });
    const ms = performance.now() - started;
    if (profile.isErr()) throw profile.error;
    const source = loads > loadsBefore ? 'loaded' : 'from the cache';
    const inTime = ms < 1_000 ? 'within a second' : 'late';
    console.log(`${label}, ${attempt}: ${profile.value.name}, ${source}, ${inTime} (${ms.toFixed(1)} ms)`);
  }
  console.log(`${label}: redis is ${store.cache.stats().redis}`);
  await store.close();
}

async function loadProfile(): Promise<{ name: string }> {
  loads += 1;
  return { name: 'Ada' };
}
