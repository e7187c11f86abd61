// One of several processes that spend of the same limits at once.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RateLimit } from '../../src/config/rate-limit-config.js';
import { makeRedisLimiter, type RedisTarget } from '../contract/rate-limit-kit.js';

export interface RateLimitWorkerInput {
  readonly config: Exclude<RedisTarget, { client: unknown }>;
  readonly keyPrefix: string;
  readonly limit: RateLimit;
  readonly keys: readonly string[];
  readonly calls: number;
  /** By how much this process's clock is wrong. */
  readonly skewMs: number;
}

export interface RateLimitWorkerOutput {
  readonly allowed: Readonly<Record<string, number>>;
  readonly limited: number;
  /** Of those, without asking Redis. */
  readonly denied: number;
  readonly other: number;
}

const IN_FLIGHT = 64;

const input: RateLimitWorkerInput = JSON.parse(process.argv[2] ?? '');
const now = Date.now;
Date.now = () => now() + input.skewMs;

const { limiter, close } = makeRedisLimiter({
  ...input,
  rateLimits: { shared: input.limit },
  clock: Date.now,
});
await limiter.peek('connect', 'shared');
process.once('message', () => void work());
process.send?.('ready');

async function work(): Promise<void> {
  const allowed: Record<string, number> = {};
  let [left, limited, denied, other] = [input.calls, 0, 0, 0];
  async function caller(): Promise<void> {
    while (left > 0) {
      left -= 1;
      const key = input.keys[left % input.keys.length] ?? '';
      const { outcome, decidedBy } = (await limiter.consume(key, 'shared'))._unsafeUnwrap();
      if (outcome === 'allowed' && decidedBy === 'redis') allowed[key] = (allowed[key] ?? 0) + 1;
      else if (outcome === 'limited') limited += 1;
      else other += 1;
      if (decidedBy === 'deny-list') denied += 1;
      // So that the calls last for several windows.
      if (outcome === 'limited') await sleep(Math.random() * 8);
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  await close();
  const output: RateLimitWorkerOutput = { allowed, limited, denied, other };
  process.send?.(output, () => process.disconnect());
}
