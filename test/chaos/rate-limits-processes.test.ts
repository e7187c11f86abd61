import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RateLimit } from '../../src/config/rate-limit-config.js';
import { aKeyPrefix } from '../contract/cache-kit.js';
import type { RateLimitWorkerInput, RateLimitWorkerOutput } from '../support/rate-limit-worker.js';
import { startRedisCluster } from '../support/redis-cluster.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { type SpendLog, watchSpending } from '../support/spend-log.js';
import { buildWorker, startTogether } from '../support/worker-process.js';

let workers: Awaited<ReturnType<typeof buildWorker<RateLimitWorkerInput, RateLimitWorkerOutput>>>;
beforeAll(async () => {
  workers = await buildWorker('rate-limit-worker.ts');
});
afterAll(() => workers.remove());

const PROCESSES = 4;
const SKEWS_MS = [-5_000, 5_000, 0, 2_500];
const LIMIT = { limit: 200, windowSeconds: 0.5, burst: 40 } as const satisfies RateLimit;
const KEYS = ['ada', 'bob', 'cy', 'dan', 'eve'];

/** Has the processes make their calls, and reads of the servers' own log when what was spent. */
async function spendTogether(
  servers: readonly RedisServer[],
  config: RateLimitWorkerInput['config'],
  calls: number,
): Promise<{ outputs: RateLimitWorkerOutput[]; spent: SpendLog }> {
  const keyPrefix = aKeyPrefix();
  const watch = await watchSpending(servers, keyPrefix);
  let started = 0;
  const outputs = await startTogether(PROCESSES, () => {
    const skewMs = SKEWS_MS[started] ?? 0;
    started += 1;
    return workers.start({ config, keyPrefix, limit: LIMIT, keys: KEYS, calls: calls / PROCESSES, skewMs });
  });
  return { outputs: outputs.filter((output) => output !== null), spent: await watch.stop() };
}

function totalOf(outputs: readonly RateLimitWorkerOutput[]): number {
  return outputs.reduce(
    (sum, { allowed, limited, other }) =>
      sum + limited + other + Object.values(allowed).reduce((all, count) => all + count, 0),
    0,
  );
}

/** The most that lie within one window, and over how many windows they are spread. */
function densest(times: readonly number[], windowMicros: number) {
  let [most, first] = [0, 0];
  for (let last = 0; last < times.length; last += 1) {
    while ((times[last] ?? 0) - (times[first] ?? 0) >= windowMicros) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return { most, windows: ((times.at(-1) ?? 0) - (times[0] ?? 0)) / windowMicros };
}

function check(outputs: readonly RateLimitWorkerOutput[], spent: SpendLog, calls: number): void {
  expect(outputs).toHaveLength(PROCESSES);
  expect(totalOf(outputs)).toBe(calls);
  expect(outputs.map(({ other }) => other)).toEqual(outputs.map(() => 0));
  const figures: Record<string, unknown> = {};
  for (const key of KEYS) {
    const times = spent.get(`limit:{${key}}shared`) ?? [];
    // Every call that was told it passes was counted, and no other.
    expect(times.length).toBe(outputs.reduce((sum, { allowed }) => sum + (allowed[key] ?? 0), 0));
    // A millisecond between the time the script read and the one of the log.
    const { most, windows } = densest(times, LIMIT.windowSeconds * 1_000_000 - 1_000);
    figures[key] = { passed: times.length, windows: windows.toFixed(1), most };
    expect(most).toBeLessThanOrEqual(LIMIT.limit + LIMIT.burst);
    expect(windows).toBeGreaterThan(2);
    // Nor does it hold back what may pass.
    expect(times.length).toBeGreaterThan(LIMIT.limit * (windows - 1));
  }
  const denied = outputs.reduce((sum, output) => sum + output.denied, 0);
  console.log(`${calls} calls, of which ${denied} asked nobody:`, figures);
}

describe('four processes with clocks up to 10 s apart', () => {
  it('let at most limit + burst pass in any window, on the log of 200,000 calls', async () => {
    const server = await startRedisServer();
    try {
      const { outputs, spent } = await spendTogether([server], { url: server.url }, 200_000);
      check(outputs, spent, 200_000);
    } finally {
      await server.stop();
    }
  });

  it('do so on a cluster of three masters', async () => {
    const cluster = await startRedisCluster();
    try {
      const { outputs, spent } = await spendTogether(cluster.masters, { nodes: cluster.nodes }, 60_000);
      check(outputs, spent, 60_000);
    } finally {
      await cluster.stop();
    }
  });
});
