import { Ratelimit } from '@upstash/ratelimit';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { LimiterPeers } from '../limits/peer-ports.js';

export const openFlexible: LimiterPeers['openFlexible'] = ({
  redis,
  prefix,
  limit,
  windowSeconds,
  blocksInMemory = false,
}) => {
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: prefix,
    points: limit,
    duration: windowSeconds,
    ...(blocksInMemory && { inMemoryBlockOnConsumed: limit }),
  });
  return {
    name: 'rate-limiter-flexible',
    consume: (key, cost = 1) =>
      limiter.consume(key, cost).then(
        () => true,
        (reason: unknown) => {
          if (reason instanceof RateLimiterRes) return false;
          throw reason;
        },
      ),
  };
};

export const openUpstash: LimiterPeers['openUpstash'] = ({ redis, prefix, limit, windowSeconds }) => {
  // Of its HTTP client it uses these.
  const client = {
    evalsha: (hash: string, keys: string[], values: (string | number)[]) =>
      redis.evalsha(hash, keys.length, ...keys, ...values),
    eval: (lua: string, keys: string[], values: (string | number)[]) =>
      redis.eval(lua, keys.length, ...keys, ...values),
  };
  const limiter = new Ratelimit({
    redis: client as never,
    prefix,
    limiter: Ratelimit.slidingWindow(limit, `${windowSeconds * 1_000} ms`),
    ephemeralCache: false,
    analytics: false,
  });
  return {
    name: '@upstash/ratelimit',
    consume: async (key, cost = 1) => (await limiter.limit(key, { rate: cost })).success,
  };
};
