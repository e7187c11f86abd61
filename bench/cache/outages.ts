import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../test/support/redis-server.js';
import type { CacheKind } from './cache-port.js';
import { chatObject } from './chat-objects.js';
import { zipf } from './key-streams.js';
import { connected } from './memory-hits.js';
import { type ReadsMade, SteadyReads } from './steady-reads.js';

export interface Outage extends ReadsMade {
  readonly cache: string;
  readonly fault: 'frozen' | 'killed';
  /** Of loads without any cache at the same time: what the machine makes of 2 ms. */
  readonly loadP99Ms: number;
  /** Until something is stored in Redis again, once it is back. */
  readonly backInRedisMs: number;
}

const PER_SECOND = 1_000;
const OUTAGE_MS = 5_000;
const KEYS = 20_000;
const LOAD_MS = 2;
/** In which a cache may find out. */
const NOTICE_MS = 100;
const PATIENCE_MS = 5_000;

/** Five seconds without Redis under steady reads, of which memory answers some. */
export async function measureOutage(kind: CacheKind, fault: Outage['fault']): Promise<Outage> {
  const server = await startRedisServer();
  const raw = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: 0 });
  raw.on('error', () => {});
  const load = async (key: string) => {
    await sleep(LOAD_MS);
    return chatObject(key, 3_000);
  };
  const cache = await kind.open({ redisUrl: server.url, load });
  await connected(cache);
  const next = zipf(KEYS, 0.99, 7);
  const reads = new SteadyReads(cache, PER_SECOND, () => `key-${next()}`);
  const loads = new SteadyReads({ read: load }, PER_SECOND / 10, () => 'key-0');
  await sleep(2_000);

  const struckAt = performance.now();
  if (fault === 'frozen') server.stopProcess();
  else await server.kill();
  await sleep(struckAt + OUTAGE_MS - performance.now());
  const overAt = performance.now();
  if (fault === 'frozen') server.continueProcess();
  else await server.restart();
  const returnedAt = performance.now();
  const keysAtReturn = fault === 'killed' ? 0 : await raw.dbsize();
  let backInRedisMs = Number.POSITIVE_INFINITY;
  while (backInRedisMs === Number.POSITIVE_INFINITY && performance.now() < returnedAt + PATIENCE_MS) {
    await sleep(10);
    const keys = await raw.dbsize().catch(() => 0);
    if (keys > keysAtReturn) backInRedisMs = performance.now() - returnedAt;
  }
  await reads.end();
  await loads.end();
  const loadP99Ms = loads.between(struckAt + NOTICE_MS, overAt).p99Ms;
  const made = reads.between(struckAt + NOTICE_MS, overAt);
  raw.disconnect();
  await Promise.race([cache.close(), sleep(1_000)]);
  await server.stop();
  return { cache: kind.name, fault, ...made, loadP99Ms, backInRedisMs };
}
