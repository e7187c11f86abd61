import type { ConnectionOptions } from 'node:tls';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { type Filled, hasMethods, isObject, millis, objectOf, tlsSetting, urlOf } from './checks.js';

/** What every way to Redis takes. */
export interface RedisBaseConfig {
  /** Put before every key. */
  readonly keyPrefix?: string;
  /** Bound on each Redis command; past it the call goes on without Redis. */
  readonly commandTimeoutMillis?: number;
}

/** One Redis server. */
export interface OwnedRedisConfig extends RedisBaseConfig {
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  readonly url: string;
  /** Node's TLS options for `rediss://`, such as `ca`. */
  readonly tls?: ConnectionOptions;
}

export interface RedisAddress {
  readonly host: string;
  /** Default: 6379, of a sentinel 26379. */
  readonly port?: number;
}

/** The address under which a server that announces itself as `host:port` is reached from here. */
export type RedisNatMap = Readonly<Record<string, { readonly host: string; readonly port: number }>>;

/** A Redis Cluster. Reads and writes go to its masters. */
export interface RedisClusterConfig extends RedisBaseConfig {
  /** Some servers of the cluster; the others are found through them. */
  readonly nodes: readonly RedisAddress[];
  readonly username?: string;
  readonly password?: string;
  /** `true`: verify the server's certificate and name; an object: Node's TLS options. Default: plain text. */
  readonly tls?: boolean | ConnectionOptions;
  readonly natMap?: RedisNatMap;
}

/** A master that Sentinel watches; after a failover the new one is used. */
export interface RedisSentinelConfig extends RedisBaseConfig {
  readonly sentinels: readonly RedisAddress[];
  /** The name under which the sentinels know the master. */
  readonly name: string;
  readonly db?: number;
  readonly username?: string;
  readonly password?: string;
  /** For the master; as in {@link RedisClusterConfig}. */
  readonly tls?: boolean | ConnectionOptions;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly sentinelTls?: boolean | ConnectionOptions;
  readonly natMap?: RedisNatMap;
}

/** The application's own ioredis client. It is borrowed: never closed by us. */
export interface BorrowedRedisConfig extends RedisBaseConfig {
  readonly client: Redis | Cluster;
}

export type RedisConfig =
  | OwnedRedisConfig
  | RedisClusterConfig
  | RedisSentinelConfig
  | BorrowedRedisConfig
  | false;

export const REDIS_DEFAULTS = { keyPrefix: 'macro:', commandTimeoutMillis: 100 } as const;

type WithPort = { readonly host: string; readonly port: number };
export type ResolvedRedisCluster = { readonly kind: 'cluster' } & Filled<
  Omit<RedisClusterConfig, 'nodes'>,
  keyof RedisBaseConfig
> & { readonly nodes: readonly WithPort[] };
export type ResolvedRedisSentinel = { readonly kind: 'sentinel' } & Filled<
  Omit<RedisSentinelConfig, 'sentinels'>,
  keyof RedisBaseConfig
> & { readonly sentinels: readonly WithPort[] };
export type ResolvedRedis =
  | ({ readonly kind: 'owned' } & Filled<OwnedRedisConfig, keyof RedisBaseConfig>)
  | ResolvedRedisCluster
  | ResolvedRedisSentinel
  | ({ readonly kind: 'borrowed' } & Required<BorrowedRedisConfig>);

const redisLimits = {
  keyPrefix: z
    .string()
    .max(256)
    // Half a hash tag would put keys that belong together into different slots of a cluster.
    .regex(/^[^{]*(\{[^}]+\}.*)?$/s, { error: 'must hold a whole {tag}, or no {' })
    .default(REDIS_DEFAULTS.keyPrefix),
  commandTimeoutMillis: millis.default(REDIS_DEFAULTS.commandTimeoutMillis),
};

const ownedRedis = z
  .strictObject({
    url: urlOf(['redis:', 'rediss:']),
    tls: objectOf<ConnectionOptions>("must be Node's TLS options", isObject).optional(),
    ...redisLimits,
  })
  .refine(({ url, tls }) => tls === undefined || url.startsWith('rediss:'), {
    path: ['tls'],
    message: 'needs a rediss:// URL',
  })
  .transform((redis) => ({ kind: 'owned' as const, ...redis }));

const port = z.int().min(1).max(65_535);
const addresses = (defaultPort: number) =>
  z.array(z.strictObject({ host: z.string().min(1), port: port.default(defaultPort) })).min(1);
const redisAccess = {
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  tls: tlsSetting.optional(),
  natMap: z.record(z.string(), z.strictObject({ host: z.string().min(1), port })).optional(),
};

const redisCluster = z
  .strictObject({ nodes: addresses(6_379), ...redisAccess, ...redisLimits })
  .transform((redis) => ({ kind: 'cluster' as const, ...redis }));

const redisSentinel = z
  .strictObject({
    sentinels: addresses(26_379),
    name: z.string().min(1),
    db: z.int().min(0).optional(),
    ...redisAccess,
    sentinelUsername: z.string().min(1).optional(),
    sentinelPassword: z.string().min(1).optional(),
    sentinelTls: tlsSetting.optional(),
    ...redisLimits,
  })
  .transform((redis) => ({ kind: 'sentinel' as const, ...redis }));

const borrowedRedis = z
  .strictObject({
    client: objectOf<Redis | Cluster>('must be an ioredis client', (value) =>
      hasMethods(value, ['get', 'set', 'on']),
    ),
    ...redisLimits,
  })
  .transform((redis) => ({ kind: 'borrowed' as const, ...redis }));

// By the key that names the branch, so that a mistake is reported by its own path.
export function redisBranch(value: unknown): [z.ZodType<ResolvedRedis>, unknown] {
  if (isObject(value)) {
    if ('client' in value) return [borrowedRedis, value];
    if ('nodes' in value) return [redisCluster as unknown as z.ZodType<ResolvedRedisCluster>, value];
    if ('sentinels' in value) return [redisSentinel as unknown as z.ZodType<ResolvedRedisSentinel>, value];
  }
  return [ownedRedis as unknown as z.ZodType<ResolvedRedis>, value];
}
