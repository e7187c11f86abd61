import type { Redis } from 'ioredis';
import type { RateLimit } from '../../src/config/rate-limit-config.js';
import type { BorrowedRedisConfig, RedisAddress } from '../../src/config/redis-config.js';
import { resolveConfig } from '../../src/config.js';
import { createRateLimiter } from '../../src/rate-limits/create-rate-limiter.js';
import type { RateLimiter, RateLimitOutcome } from '../../src/rate-limits/rate-limiter.js';
import { RedisLink } from '../../src/redis/redis-link.js';
import type { StoreEvent } from '../../src/telemetry.js';
import { aKeyPrefix } from './cache-kit.js';

export interface LimiterUnderTest {
  readonly limiter: RateLimiter;
  /** Lets time pass for all that was spent. */
  pass(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

/** Limits that the contract counts on. */
export const RATE_LIMITS = {
  chat: { limit: 60, windowSeconds: 60, burst: 10 },
  hourly: { limit: 100, windowSeconds: 3_600 },
  tokens: { limit: 1_000, windowSeconds: 3_600, burst: 1_000 },
  quota: { limit: 10, windowSeconds: 3_600, algorithm: 'sliding-window' },
} as const satisfies Record<string, RateLimit>;

export function makeMemoryLimiter(rateLimits: Readonly<Record<string, RateLimit>>): LimiterUnderTest {
  // Within a window of every limit here, so that no calendar window ends by chance.
  let now = 1_800_000_000_000;
  const limiter = createRateLimiter({ rateLimits, redis: null, clock: () => now, isClosed: () => false });
  return {
    limiter,
    pass: async (milliseconds) => {
      now += milliseconds;
    },
    close: async () => undefined,
  };
}

/** Where the Redis is. */
export type RedisTarget =
  | { readonly url: string }
  | { readonly client: BorrowedRedisConfig['client'] }
  | { readonly nodes: readonly RedisAddress[] }
  | { readonly sentinels: readonly RedisAddress[]; readonly name: string };

export interface RedisLimiterOptions {
  readonly config: RedisTarget;
  readonly rateLimits: Readonly<Record<string, RateLimit>>;
  readonly keyPrefix?: string;
  readonly commandTimeoutMillis?: number;
  readonly clock?: () => number;
  readonly monotonicClock?: () => number;
}

/** The limiter of one process over Redis. */
export function makeRedisLimiter({
  config,
  rateLimits,
  keyPrefix = aKeyPrefix(),
  commandTimeoutMillis = 2_000,
  clock = Date.now,
  monotonicClock,
}: RedisLimiterOptions) {
  const events: StoreEvent[] = [];
  const { redis } = resolveConfig({ redis: { ...config, keyPrefix, commandTimeoutMillis } });
  if (redis === null) throw new Error('no Redis is configured');
  const link = new RedisLink({
    config: redis,
    telemetry: { event: (event) => void events.push(event) },
  });
  let isClosed = false;
  const limiter = createRateLimiter({
    rateLimits,
    redis: { link, keyPrefix },
    clock,
    ...(monotonicClock && { monotonicClock }),
    isClosed: () => isClosed,
  });
  const close = () => {
    isClosed = true;
    return link.close();
  };
  return { limiter, link, events, keyPrefix, close };
}

/** A limiter over Redis that sees time pass without any: what was spent is made older, on each of the servers. */
export function makeRedisLimiterUnderTest(
  options: RedisLimiterOptions,
  servers: readonly Redis[],
): LimiterUnderTest {
  let passedMs = 0;
  const made = makeRedisLimiter({ ...options, monotonicClock: () => performance.now() + passedMs });
  return {
    limiter: made.limiter,
    async pass(milliseconds) {
      passedMs += milliseconds;
      for (const server of servers) {
        for (const name of await server.keys(`${made.keyPrefix}*`)) {
          const arrivalMicros = Number(await server.get(name)) - milliseconds * 1_000;
          await server.set(name, arrivalMicros, 'KEEPTTL');
        }
      }
    },
    close: made.close,
  };
}

export async function outcome(call: ReturnType<RateLimiter['consume']>): Promise<RateLimitOutcome> {
  return (await call)._unsafeUnwrap();
}

/** How many of so many calls one after the other pass. */
export async function passing(
  limiter: RateLimiter,
  calls: number,
  ...args: Parameters<RateLimiter['consume']>
): Promise<number> {
  let passed = 0;
  for (let call = 0; call < calls; call += 1) {
    if ((await outcome(limiter.consume(...args))).allowed) passed += 1;
  }
  return passed;
}
