import type { Redis } from 'ioredis';

/** One limiter of another library, over one ioredis client. */
export interface PeerLimiter {
  readonly name: string;
  /** Whether it passes. Rejects where Redis fails it. */
  consume(key: string, cost?: number): Promise<boolean>;
}

export interface PeerLimiterOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly limit: number;
  readonly windowSeconds: number;
  /** rate-limiter-flexible: remember in this process who has used up the limit. */
  readonly blocksInMemory?: boolean;
}

export interface LimiterPeers {
  openFlexible(options: PeerLimiterOptions): PeerLimiter;
  openUpstash(options: PeerLimiterOptions): PeerLimiter;
}
