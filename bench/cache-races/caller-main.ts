import { once } from 'node:events';
import { type KindName, kindOf } from '../cache/kinds.js';
import type { Calls, CallsMade } from './caller-run.js';
import { Source, versionOf } from './source.js';

const calls = JSON.parse(process.argv[2] ?? '') as Calls;
const source = new Source();
const kind = await kindOf(calls.kind as KindName);
const cache = await kind.open({ load: source.load, redisUrl: calls.redisUrl });
await cache.read('another key');
source.loads = 0;
source.delayMs = calls.loadMs;
if (calls.fails) source.failWith(new Error('as it should'));

process.send?.('ready');
await once(process, 'message');
const made = { values: 0, failures: 0, slowestMs: 0 };
const call = async () => {
  const startedAt = performance.now();
  try {
    if (versionOf(await cache.read('key')) === source.version) made.values += 1;
  } catch {
    made.failures += 1;
  }
  made.slowestMs = Math.max(made.slowestMs, performance.now() - startedAt);
};
await Promise.all(Array.from({ length: calls.callers }, call));
process.send?.({ ...made, loads: source.loads } satisfies CallsMade);
