import type { ConnectionOptions } from 'node:tls';
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type { ResolvedRedis, ResolvedRedisCluster, ResolvedRedisSentinel } from '../config/redis-config.js';

export type Ioredis = { readonly Redis: typeof Redis };
export type LoadIoredis = () => Promise<Ioredis>;

const CONNECT_TIMEOUT_MS = 2_000;

// A command is answered or fails at once: it never waits for a connection to come back, and never is sent
// a second time.
const CONNECTION = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: CONNECT_TIMEOUT_MS,
  // After a failover this connection may lead to what is now a replica.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  disconnectTimeout: 100,
} satisfies RedisOptions;

const SINGLE = {
  ...CONNECTION,
  lazyConnect: true,
  enableOfflineQueue: false,
  // RedisLink's probe connects again; two loops with two delays would be harder to bound and to stop.
  retryStrategy: () => null,
} satisfies RedisOptions;

const CLUSTER = {
  lazyConnect: true,
  clusterRetryStrategy: () => null,
  // Of the cluster's own queue we make no use, since nothing is sent before it is ready. Without it a command
  // to a server that is just being connected would fail; so it waits in that connection's queue, which ends with it.
  enableOfflineQueue: true,
  // What was sent on a connection that closed may have been run, and is not sent again.
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
  // TRYAGAIN and MOVED are said before anything was run.
  retryDelayOnTryAgain: 10,
  maxRedirections: 5,
} satisfies ClusterOptions;

/** Our own client of ioredis, which connects to nothing yet. */
export function makeClient(
  config: Exclude<ResolvedRedis, { kind: 'borrowed' }>,
  { Redis }: Ioredis,
): Redis | Cluster {
  switch (config.kind) {
    case 'owned':
      return new Redis(config.url, { ...SINGLE, ...tlsOf(config.tls) });
    case 'cluster':
      return new Redis.Cluster([...config.nodes], clusterOptions(config));
    case 'sentinel':
      return new Redis(sentinelOptions(config));
  }
}

function clusterOptions({ username, password, tls, natMap }: ResolvedRedisCluster) {
  return {
    ...CLUSTER,
    // A certificate names the host, so it is not to be replaced by its address.
    ...(tls && { dnsLookup: (host, callback) => callback(null, host) }),
    ...(natMap && { natMap }),
    redisOptions: {
      ...CONNECTION,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...tlsOf(tls),
    },
  } satisfies ClusterOptions;
}

function sentinelOptions(config: ResolvedRedisSentinel) {
  const { sentinels, name, db, username, password, sentinelUsername, sentinelPassword, natMap } = config;
  return {
    ...SINGLE,
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    name,
    // Asked once a connection; the probe asks again.
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    ...(db !== undefined && { db }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(natMap && { natMap }),
    ...(config.tls && { ...tlsOf(config.tls), enableTLSForSentinelMode: true }),
    ...(config.sentinelTls && { sentinelTLS: config.sentinelTls === true ? {} : config.sentinelTls }),
  } satisfies RedisOptions;
}

function tlsOf(tls: ResolvedRedisCluster['tls']): { tls?: ConnectionOptions } {
  return tls ? { tls: tls === true ? {} : tls } : {};
}
