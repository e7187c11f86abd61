import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Redis, RedisOptions } from 'ioredis';
import type { ResolvedRedis } from '../config.js';
import { withDeadline } from './deadline.js';

/** What we use of an ioredis client, so that it fits `Redis` and `Cluster` of 5.3 and later. */
export interface RedisClient extends EventEmitter {
  readonly status: string;
  readonly isCluster: boolean;
  readonly options: { readonly keyPrefix?: string | undefined };
  connect(): Promise<unknown>;
  ping(): Promise<unknown>;
  eval(script: string, keyCount: number, ...keysAndArguments: (string | number | Buffer)[]): Promise<unknown>;
  evalsha(
    hash: string,
    keyCount: number,
    ...keysAndArguments: (string | number | Buffer)[]
  ): Promise<unknown>;
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>;
  del(...keys: string[]): Promise<unknown>;
  scan(
    cursor: string,
    match: 'MATCH',
    pattern: string,
    unit: 'COUNT',
    count: number,
  ): Promise<[cursor: string, keys: string[]]>;
}

interface RedisClusterClient extends RedisClient {
  nodes(role: 'master'): RedisClient[];
}

/** The servers that hold keys: of a cluster its masters, else the one. */
export function serversOf(client: RedisClient): readonly RedisClient[] {
  return client.isCluster ? (client as RedisClusterClient).nodes('master') : [client];
}

/** A client together with what its owner may do to it. What we were lent we never close or reset. */
export interface RedisHandle {
  readonly client: RedisClient;
  /** Starts to connect, unless it is connecting or connected, or was closed by its owner. */
  connect(): void;
  /** Ends a connection that has stopped answering. */
  dropConnection(): void;
  close(): Promise<void>;
}

export type LoadIoredis = () => Promise<{ readonly Redis: typeof Redis }>;

const CONNECT_TIMEOUT_MS = 2_000;

/** Makes our own client, or adopts a borrowed one. Rejects when ioredis is needed and not installed. */
export async function openRedisHandle(config: ResolvedRedis, loadIoredis: LoadIoredis): Promise<RedisHandle> {
  if (config.kind === 'borrowed') return borrowedHandle(config.client);
  const { Redis } = await loadIoredis();
  return ownedHandle(new Redis(config.url, OWN_CLIENT), config.commandTimeoutMillis);
}

const OWN_CLIENT = {
  lazyConnect: true,
  // A command is answered or fails at once: it never waits in a queue and never is sent a second time.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: CONNECT_TIMEOUT_MS,
  // RedisLink's probe connects again; two loops with two delays would be harder to bound and to stop.
  retryStrategy: () => null,
  // After a failover this connection may lead to what is now a replica.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  disconnectTimeout: 100,
} satisfies RedisOptions;

function borrowedHandle(client: RedisClient): RedisHandle {
  return {
    client,
    connect() {
      // `wait`: the application chose `lazyConnect`, and nobody has used the client yet.
      if (client.status === 'wait') client.connect().catch(ignore);
    },
    dropConnection: ignore,
    close: async () => undefined,
  };
}

function ownedHandle(client: Redis, timeoutMs: number): RedisHandle {
  // Without a listener ioredis writes errors to the console. Each also arrives as a close or a failed command.
  client.on('error', ignore);
  const isConnected = () => client.status === 'connect' || client.status === 'ready';
  return {
    client,
    connect() {
      if (client.status === 'wait' || client.status === 'end') client.connect().catch(ignore);
    },
    dropConnection() {
      if (isConnected()) reset(client.stream);
    },
    async close() {
      // QUIT comes after the commands under way; a server that is out of reach does not hold us up.
      if (client.status === 'ready') await withDeadline(timeoutMs, () => client.quit());
      if (client.status === 'end' || client.status === 'wait') return;
      const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
      const stream: Socket | undefined = client.stream;
      if (stream === undefined || stream.destroyed) client.disconnect();
      else stream.destroy();
      await withDeadline(timeoutMs, () => ended);
    },
  };
}

// A reset throws away what was not sent yet. An orderly end would go on sending it, and a write we gave
// up could reach Redis after the deletion that was to make good for it on the next connection.
function reset(stream: unknown): void {
  if (!(stream instanceof Socket)) return;
  if (stream instanceof TLSSocket) stream.destroy();
  else stream.resetAndDestroy();
}

function ignore(): void {}

/** Deletes these names, whatever slots they are in. */
export async function deleteAll(client: RedisClient, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  if (client.isCluster) await Promise.all(names.map((name) => client.del(name)));
  else await client.del(...names);
}
