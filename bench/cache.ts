import { Redis } from 'ioredis';
import { startRedisServer } from '../test/support/redis-server.js';
import { measureBatches } from './cache/batches.js';
import { measureExpiryWave } from './cache/expiry-wave.js';
import { type CacheResults, judge } from './cache/gates.js';
import { measureHitRatios } from './cache/hit-ratios.js';
import { ALL_KINDS, COHERENT_KINDS, type KindName, kindOf } from './cache/kinds.js';
import { measureMemoryHits } from './cache/memory-hits.js';
import type { Outage } from './cache/outages.js';
import { policies, type TransitoryPeer } from './cache/policies.js';
import { measureRedisReads } from './cache/redis-reads.js';
import { STORE } from './cache/store-cache.js';
import { measureTaggedHits } from './cache/tagged-hits.js';
import { callInProcesses } from './cache-races/caller-run.js';
import { runAlone } from './harness/alone.js';
import { loadLibrary, loadPeer, versionOf } from './harness/environment.js';
import { say } from './harness/progress.js';
import { type Report, timingsOf } from './harness/report.js';

export { cachePlots as plots } from './cache/plots.js';

export const name = 'cache';

const OUTAGE = new URL('cache/outage-main.ts', import.meta.url);
const STAMPEDE = { processes: 4, callers: 50, loadMs: 100 };

export async function run(): Promise<Report> {
  await loadLibrary();
  await loadPeer('bentocache.ts');
  const server = await startRedisServer();
  const raw = new Redis(server.url);
  const kinds = await Promise.all(ALL_KINDS.map(kindOf));
  const coherent = await Promise.all(COHERENT_KINDS.map(kindOf));
  // Those that ask Redis nothing they could know are what the others are compared with; and each once.
  const redisKinds = kinds.filter(({ name: kind }) => kind !== 'bentocache, serialize: false');

  say('hits in memory');
  const memory = await measureMemoryHits(kinds, server.url);
  say('hits in memory, with tags');
  const tagged = await measureTaggedHits(coherent, server.url, raw);
  say('hits in Redis, and loads');
  const redis = await measureRedisReads(redisKinds, server.url, raw);
  say('batches');
  const batches = await measureBatches(redisKinds, server.url);
  say('a wave of expiries');
  const waves: CacheResults['waves'][number][] = [];
  for (const kind of coherent) waves.push(await measureExpiryWave(kind, server.url));
  say('a stampede');
  const stampedes: CacheResults['stampedes'][number][] = [];
  for (const kind of COHERENT_KINDS) {
    await raw.flushall();
    const { processes, ...calls } = { ...STAMPEDE, kind, redisUrl: server.url, fails: false };
    stampedes.push({ cache: kind, ...(await callInProcesses(processes, calls)) });
  }
  raw.disconnect();
  await server.stop();
  say('outages of Redis');
  const outages = [
    await outageOf(STORE, 'frozen'),
    await outageOf(STORE, 'killed'),
    ...(await Promise.all(
      COHERENT_KINDS.filter((kind) => kind !== STORE).map((kind) => outageOf(kind, 'frozen')),
    )),
  ];

  say('what memory answers');
  const { transitory } = await loadPeer<TransitoryPeer>('transitory.ts');
  const hitRatios = measureHitRatios([...policies, transitory]);

  const results: CacheResults = {
    hitRatios,
    memory,
    tagged,
    redis,
    batches,
    waves,
    stampedes,
    outages,
  };
  return {
    suite: name,
    data: { objects: '0.2, 3 and 30 kB of chats', keys: 1_000, inFlight: 64 },
    versions: {
      node: process.versions.node,
      ioredis: versionOf('ioredis'),
      'lru-cache': versionOf('lru-cache'),
      ...Object.fromEntries(
        ['bentocache', 'cacheable', 'cache-manager', 'layered-loader', 'transitory'].map((peer) => [
          peer,
          versionOf(peer, 'peers'),
        ]),
      ),
    },
    results: [...memory.calls, ...memory.peeks, tagged.measurement, ...batches].flatMap(timingsOf),
    ...judge(results),
  };
}

async function outageOf(kind: KindName, fault: Outage['fault']): Promise<CacheResults['outages'][number]> {
  const run = await runAlone<Outage>(OUTAGE, [kind, fault], 30_000);
  return run.kind === 'done' ? run.result : { cache: kind, fault, ended: run.why };
}
