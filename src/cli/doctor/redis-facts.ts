import type { Cluster, Redis } from 'ioredis';
import type { ResolvedRedis } from '../../config/redis-config.js';
import { withDeadline } from '../../redis/deadline.js';
import { type Ioredis, makeClient } from '../../redis/make-client.js';
import { escapeGlob } from '../../redis/scan-keys.js';
import { type ClockReading, readClock } from './clock.js';

/** What one Redis server says of itself, and of what this user may. */
export interface RedisFacts {
  /** As `host:port`. */
  readonly address: string;
  readonly version: string;
  readonly role: string;
  readonly isClusterNode: boolean;
  /** 0: no bound. */
  readonly maxMemoryBytes: number;
  /** As `allkeys-lru`. */
  readonly evictionPolicy: string;
  readonly isAppendOnly: boolean;
  /** When snapshots are taken, empty for never; `null`: the server does not tell. */
  readonly snapshots: string | null;
  readonly isLastSnapshotGood: boolean;
  readonly mayTrack: boolean;
  readonly mayRunScripts: boolean;
  /** Sessions of this store were seen; a server with many keys is not searched to its end. */
  readonly hasSessions: boolean;
  readonly clock: ClockReading;
}

/** What was read of each server, or the code of why it could not be. */
export type RedisReading =
  | { readonly kind: 'read'; readonly servers: readonly RedisFacts[] }
  | { readonly kind: 'failed'; readonly code: string };

type OwnRedis = Exclude<ResolvedRedis, { kind: 'borrowed' }>;

const DEADLINE_MS = 10_000;
const SCAN_STEPS = 50;
const SCAN_COUNT = 1_000;

/** Reads over a client of its own: the store's would go on without a Redis that is out of reach, and not say why. */
export async function readRedis(config: OwnRedis, now: () => number): Promise<RedisReading> {
  let loaded: Ioredis;
  try {
    loaded = await import('ioredis');
  } catch {
    return { kind: 'failed', code: 'ioredis is not installed' };
  }
  const client = makeClient(config, loaded);
  // What the connection failed with comes as an event; the command then only says that there is none.
  let lastError: unknown;
  client.on('error', (error) => {
    lastError = error;
  });
  try {
    const read = await withDeadline(DEADLINE_MS, async () => {
      await client.connect();
      return Promise.all(serversOf(client).map((server) => readServer(server, config.keyPrefix, now)));
    });
    if (read.kind === 'done') return { kind: 'read', servers: read.value };
    if (read.kind === 'late') return { kind: 'failed', code: `no answer in ${DEADLINE_MS} ms` };
    return { kind: 'failed', code: codeOf(lastError ?? read.error) };
  } finally {
    client.disconnect();
  }
}

function serversOf(client: Redis | Cluster): readonly Redis[] {
  return 'nodes' in client ? client.nodes('master') : [client];
}

async function readServer(server: Redis, keyPrefix: string, now: () => number): Promise<RedisFacts> {
  const info = parseInfo(await server.info());
  const snapshots = await granted(async () => (await server.config('GET', 'save')) as string[]);
  return {
    address: `${server.options.host}:${server.options.port}`,
    version: info.get('redis_version') ?? '0',
    role: info.get('role') ?? 'master',
    isClusterNode: info.get('redis_mode') === 'cluster',
    maxMemoryBytes: Number(info.get('maxmemory') ?? 0),
    evictionPolicy: info.get('maxmemory_policy') ?? 'noeviction',
    isAppendOnly: info.get('aof_enabled') === '1',
    snapshots: snapshots === null ? null : (snapshots[1] ?? ''),
    isLastSnapshotGood: info.get('rdb_last_bgsave_status') !== 'err',
    mayTrack: (await granted(() => track(server))) !== null,
    mayRunScripts: (await granted(() => server.eval('return 1', 0))) !== null,
    hasSessions: (await granted(() => hasKey(server, `${escapeGlob(keyPrefix)}session:*`))) ?? false,
    clock: await readClock(now, async () => {
      const [seconds, microseconds] = await server.time();
      return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    }),
  };
}

/** As the cache asks for it, on a connection that is closed right after. */
async function track(server: Redis): Promise<unknown> {
  const id = Number(await server.call('CLIENT', 'ID'));
  return server.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', 'macro-store-doctor:');
}

async function hasKey(server: Redis, pattern: string): Promise<boolean> {
  let cursor = '0';
  for (let step = 0; step < SCAN_STEPS; step += 1) {
    const [next, keys] = await server.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
    if (keys.length > 0) return true;
    if (next === '0') return false;
    cursor = next;
  }
  return false;
}

/** `null`: the server refused the command, as it does where a user has no right to it. */
async function granted<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') return null;
    throw error;
  }
}

function parseInfo(info: string): ReadonlyMap<string, string> {
  const pairs = info.split('\r\n').map((line) => line.split(/:(.*)/s, 2));
  return new Map(pairs.filter((pair): pair is [string, string] => pair.length === 2));
}

/** A code, or the first word of what Redis replied, such as `NOAUTH`: a whole message may name a user. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^[A-Z]{3,20}\b/.exec(error.message)?.[0] ?? 'connection lost';
}
