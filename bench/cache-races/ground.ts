import { Redis } from 'ioredis';
import { type RedisServer, startRedisServer } from '../../test/support/redis-server.js';
import type { CacheKind, CacheOptions, OpenCache } from '../cache/cache-port.js';
import { type RedisWire, startRedisWire } from './redis-wire.js';

/** A Redis of a check's own, and as many caches over it as it opens. */
export interface Ground extends AsyncDisposable {
  readonly kind: CacheKind;
  readonly redis: RedisServer;
  /** Past all caches. */
  readonly raw: Redis;
  /** One more, as one more process of a service would have. */
  open(options: Omit<CacheOptions, 'redisUrl'> & { readonly wire?: RedisWire }): Promise<OpenCache>;
  startWire(): Promise<RedisWire>;
}

export async function openGround(kind: CacheKind): Promise<Ground> {
  const redis = await startRedisServer();
  const raw = new Redis(redis.url);
  raw.on('error', () => {});
  const wires: RedisWire[] = [];
  return {
    kind,
    redis,
    raw,
    open: ({ wire, ...options }) => kind.open({ ...options, redisUrl: wire?.url ?? redis.url }),
    async startWire() {
      const wire = await startRedisWire(redis.port);
      wires.push(wire);
      return wire;
    },
    // The caches end with the process: some of them would wait for a Redis that is gone.
    async [Symbol.asyncDispose]() {
      raw.disconnect();
      for (const wire of wires) await wire.close();
      await redis.stop();
    },
  };
}
