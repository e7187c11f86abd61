import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Cluster, Redis } from 'ioredis';
import type { ResolvedRedis } from '../config/redis-config.js';
import { withDeadline } from './deadline.js';
import { type LoadIoredis, makeClient } from './make-client.js';
import type { RedisClient } from './redis-client.js';

/** A client together with what its owner may do to it. What we were lent we never close or reset. */
export interface RedisHandle {
  readonly client: RedisClient;
  /** Starts to connect, unless it is connecting or connected, or was closed by its owner. */
  connect(): void;
  /** Ends a connection that has stopped answering: of a cluster that to this server, or all of them. */
  dropConnection(server?: RedisClient): void;
  close(): Promise<void>;
}

/** Makes our own client, or adopts a borrowed one. Rejects when ioredis is needed and not installed. */
export async function openRedisHandle(config: ResolvedRedis, loadIoredis: LoadIoredis): Promise<RedisHandle> {
  if (config.kind === 'borrowed') return borrowedHandle(config.client);
  return ownedHandle(makeClient(config, await loadIoredis()), config.commandTimeoutMillis);
}

/** Whether the client neither is connected nor will be by itself. */
export function isAtRest({ status }: { readonly status: string }): boolean {
  // `close`: of a cluster whose last socket was closed after the client had ended. Elsewhere it lasts no turn.
  return status === 'wait' || status === 'end' || status === 'close';
}

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

function ownedHandle(client: Redis | Cluster, timeoutMs: number): RedisHandle {
  // Without a listener ioredis writes errors to the console. Each also arrives as a close or a failed command.
  client.on('error', ignore);
  const drop = () => {
    for (const { stream } of connectionsOf(client)) reset(stream);
    // Those to servers that were not used yet, without which the cluster would not count as closed.
    if (client.isCluster) client.disconnect(true);
  };
  return {
    client,
    connect() {
      if (isAtRest(client)) client.connect().catch(ignore);
    },
    dropConnection(server) {
      if (server !== undefined && client.isCluster) reset((server as unknown as Redis).stream);
      else if (client.status === 'connect' || client.status === 'ready') drop();
    },
    async close() {
      // QUIT comes after the commands under way; a server that is out of reach does not hold us up.
      if (client.status === 'ready') await withDeadline(timeoutMs, () => client.quit());
      if (client.status === 'end' || client.status === 'wait') return;
      const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
      const open = connectionsOf(client).filter(({ stream }) => stream !== undefined && !stream.destroyed);
      for (const { stream } of open) stream.destroy();
      if (open.length === 0 || client.isCluster) client.disconnect();
      await withDeadline(timeoutMs, () => ended);
    },
  };
}

function connectionsOf(client: Redis | Cluster): readonly Redis[] {
  return 'nodes' in client ? client.nodes('all') : [client];
}

// A reset throws away what was not sent yet. An orderly end would go on sending it, and a write we gave
// up could reach Redis after the deletion that was to make good for it on the next connection.
function reset(stream: unknown): void {
  if (!(stream instanceof Socket)) return;
  if (stream instanceof TLSSocket) stream.destroy();
  else stream.resetAndDestroy();
}

function ignore(): void {}
