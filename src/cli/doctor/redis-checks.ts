import type { ConnectionOptions } from 'node:tls';
import type { ResolvedRedis } from '../../config/redis-config.js';
import { isLocal } from '../../database/connection-settings.js';
import { megabytes } from '../table.js';
import { checkClock } from './clock.js';
import { type Check, type Finding, ok, problem } from './finding.js';
import type { RedisFacts } from './redis-facts.js';

/** One server beside the configuration. */
interface RedisServer extends RedisFacts {
  readonly isClusterConfigured: boolean;
  /** Sessions are in PostgreSQL too. */
  readonly areSessionsDurable: boolean;
}

const MINIMUM = [6, 2] as const;

const CHECKS: readonly Check<RedisServer>[] = [
  checkVersion,
  checkRole,
  checkScripts,
  checkTracking,
  checkMemory,
  checkPersistence,
  ({ clock }) => checkClock('clock.redis', 'Redis', clock),
];

export function checkRedisServer(server: RedisServer): readonly Finding[] {
  return CHECKS.map((check) => check(server));
}

/** Whether what goes to Redis can be read on the way. */
export function checkRedisTls(config: Exclude<ResolvedRedis, { kind: 'borrowed' }>): Finding {
  const id = 'redis.tls';
  const { hosts, tls } = addressOf(config);
  if (hosts.every(isLocal)) return ok(id, 'not needed: the server is on this machine');
  if (!tls) {
    const found = 'sessions and cached values go over the network in plain text';
    return problem(id, 'warn', found, 'use rediss://, or set redis.tls');
  }
  if (typeof tls === 'object' && tls.rejectUnauthorized === false) {
    const found = "the server's certificate is not verified, so anybody in between may answer";
    return problem(
      id,
      'warn',
      found,
      'give its authority as redis.tls.ca, without rejectUnauthorized: false',
    );
  }
  return ok(id, 'on, and verified');
}

function addressOf(config: Exclude<ResolvedRedis, { kind: 'borrowed' }>): {
  readonly hosts: readonly string[];
  readonly tls: boolean | ConnectionOptions;
} {
  if (config.kind === 'owned') {
    const { hostname, protocol } = new URL(config.url);
    return { hosts: [hostname.replace(/^\[|\]$/g, '')], tls: config.tls ?? protocol === 'rediss:' };
  }
  const addresses = config.kind === 'cluster' ? config.nodes : config.sentinels;
  return { hosts: addresses.map(({ host }) => host), tls: config.tls ?? false };
}

function checkVersion({ version }: RedisServer): Finding {
  const id = 'redis.version';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return ok(id, `Redis ${version}`);
  return problem(id, 'error', `Redis ${version} is below 6.2`, 'upgrade the server to 6.2 or later');
}

function checkRole({ role, isClusterNode, isClusterConfigured }: RedisServer): Finding {
  const id = 'redis.role';
  if (role === 'slave') {
    return problem(
      id,
      'error',
      'it is a replica, and takes no writes',
      'connect to the master, or by redis.sentinels',
    );
  }
  if (isClusterNode && !isClusterConfigured) {
    const found = 'it is part of a cluster, and is configured as a single server';
    return problem(id, 'error', found, 'set redis.nodes instead of redis.url');
  }
  return ok(id, isClusterNode ? 'a master of the cluster' : 'a master');
}

function checkScripts({ mayRunScripts }: RedisServer): Finding {
  const id = 'redis.scripts';
  if (mayRunScripts) return ok(id, 'may be run');
  const found = 'this user may not run scripts, which cache, sessions and limits consist of';
  return problem(id, 'error', found, 'ACL SETUSER <user> +@scripting');
}

function checkTracking({ mayTrack }: RedisServer): Finding {
  const id = 'redis.tracking';
  if (mayTrack) return ok(id, 'CLIENT TRACKING may be used');
  const found =
    'CLIENT TRACKING is refused: memory hears of the writes of this library only, not of expiry and eviction';
  return problem(
    id,
    'warn',
    found,
    'ACL SETUSER <user> +client|tracking +client|id, if the service allows it',
  );
}

function checkMemory({
  maxMemoryBytes,
  evictionPolicy,
  areSessionsDurable,
  hasSessions,
}: RedisServer): Finding {
  const id = 'redis.eviction';
  if (maxMemoryBytes === 0) {
    const found = 'maxmemory is not set: Redis grows until the machine has no more';
    return problem(id, 'info', found, 'set maxmemory, and maxmemory-policy volatile-lru');
  }
  const limit = `maxmemory is ${megabytes(maxMemoryBytes)}`;
  if (evictionPolicy === 'noeviction') {
    const found = `${limit} with noeviction: once full, Redis refuses every write`;
    return problem(id, 'warn', found, 'set maxmemory-policy to volatile-lru');
  }
  if (hasSessions && !areSessionsDurable) {
    const found = `${limit} with ${evictionPolicy}: once full, Redis drops sessions, and their users are logged out`;
    return problem(id, 'warn', found, 'set sessions.durable, or give the cache a Redis of its own');
  }
  return ok(id, `${limit} with ${evictionPolicy}`);
}

function checkPersistence(server: RedisServer): Finding {
  const id = 'redis.persistence';
  const { isAppendOnly, snapshots, isLastSnapshotGood, hasSessions, areSessionsDurable } = server;
  if (!isLastSnapshotGood) {
    const found = 'the last snapshot failed; Redis refuses writes while stop-writes-on-bgsave-error is on';
    return problem(id, 'error', found, 'see the log of Redis, and free space on its disk');
  }
  if (isAppendOnly || (snapshots !== null && snapshots !== '')) {
    return ok(id, isAppendOnly ? 'append-only file' : 'snapshots');
  }
  if (!hasSessions) return ok(id, 'none, and no sessions that would need it');
  if (areSessionsDurable) return ok(id, 'none; sessions are in PostgreSQL too');
  if (snapshots === null) {
    const found = 'Redis does not tell whether it takes snapshots, and has sessions';
    return problem(id, 'info', found, 'see that the service persists its data, or set sessions.durable');
  }
  const found = 'Redis keeps nothing on disk, and has sessions: its restart logs everybody out';
  return problem(id, 'warn', found, 'set appendonly yes, or sessions.durable');
}
