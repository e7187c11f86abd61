import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RedisServer, startRedisServer } from './redis-server.js';
import { findFreePort } from './server-process.js';

const SLOTS = 16_384;

export interface RedisClusterOptions {
  /** Servers that own slots, an equal share each. */
  masters?: number;
  /** Replicas of each master. A master without one is not replaced when it is gone. */
  replicasPerMaster?: number;
  /** How long a server must be silent before the others hold it for lost. */
  nodeTimeoutMs?: number;
}

/** A Redis Cluster of real processes on this machine. It keeps nothing on disk. */
export interface RedisCluster {
  readonly masters: readonly RedisServer[];
  readonly replicas: readonly RedisServer[];
  /** For `redis.nodes` of the configuration. */
  readonly nodes: readonly { host: string; port: number }[];
  /** The server that is the master of a key's slot now, as the server `seenBy` knows it. */
  masterOf(key: string, seenBy?: RedisServer): Promise<RedisServer>;
  /** Hands the slot of a key over, with the key. Clients hear of it when they use it. */
  moveSlotOf(key: string, from: RedisServer, to: RedisServer): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedisCluster({
  masters: masterCount = 3,
  replicasPerMaster = 0,
  nodeTimeoutMs = 1_000,
}: RedisClusterOptions = {}): Promise<RedisCluster> {
  const busPorts: number[] = [];
  const servers = await Promise.all(
    Array.from({ length: masterCount * (1 + replicasPerMaster) }, async (_, index) => {
      const busPort = await findFreePort();
      busPorts[index] = busPort;
      return startRedisServer({
        args: [
          ...['--cluster-enabled', 'yes'],
          // By default 10,000 above the other, where the system takes client ports from.
          ...['--cluster-port', `${busPort}`],
          ...['--cluster-node-timeout', `${nodeTimeoutMs}`],
          // A lost master must not take the slots of the others along.
          ...['--cluster-require-full-coverage', 'no'],
          ...['--cluster-announce-ip', '127.0.0.1'],
          // A replica may take over however long it has not heard from its master.
          ...['--cluster-replica-validity-factor', '0'],
          ...['--repl-diskless-sync-delay', '0'],
        ],
      });
    }),
  );
  const masters = servers.slice(0, masterCount);
  const replicas = servers.slice(masterCount);
  const stop = async () => {
    for (const server of servers) server.continueProcess();
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    await form(masters, replicas, busPorts);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    masters,
    replicas,
    nodes: masters.map(({ port }) => ({ host: '127.0.0.1', port })),
    async masterOf(key, seenBy = masters[0]) {
      const port = await onServer(seenBy, async (redis) => {
        const slot = Number(await redis.cluster('KEYSLOT', key));
        const ranges = await redis.cluster('SLOTS');
        const [, , master] = ranges.find(([from, to]) => from <= slot && slot <= to) ?? [];
        return master?.[1];
      });
      const found = servers.find((server) => server.port === port);
      if (!found) throw new Error('no server owns the slot');
      return found;
    },
    async moveSlotOf(key, from, to) {
      const slot = await onServer(from, (redis) => redis.cluster('KEYSLOT', key));
      const id = (server: RedisServer) => onServer(server, (redis) => redis.call('CLUSTER', 'MYID'));
      const [fromId, toId] = [`${await id(from)}`, `${await id(to)}`];
      const setSlot = (server: RedisServer, ...state: string[]) =>
        onServer(server, (redis) => redis.call('CLUSTER', 'SETSLOT', `${slot}`, ...state));
      await setSlot(to, 'IMPORTING', fromId);
      await setSlot(from, 'MIGRATING', toId);
      await onServer(from, (redis) => redis.call('MIGRATE', '127.0.0.1', to.port, key, 0, 5_000));
      for (const server of [to, from]) await setSlot(server, 'NODE', toId);
    },
    stop,
  };
}

async function form(
  masters: readonly RedisServer[],
  replicas: readonly RedisServer[],
  busPorts: readonly number[],
): Promise<void> {
  const servers = [...masters, ...replicas];
  const share = Math.ceil(SLOTS / masters.length);
  await Promise.all(
    masters.map((master, index) =>
      onServer(master, async (redis) => {
        const last = Math.min(SLOTS, share * (index + 1)) - 1;
        await redis.call('CLUSTER', 'ADDSLOTSRANGE', share * index, last);
        await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      }),
    ),
  );
  await onServer(masters[0], async (redis) => {
    for (const [index, { port }] of servers.entries()) {
      if (index > 0) await redis.call('CLUSTER', 'MEET', '127.0.0.1', port, busPorts[index] ?? 0);
    }
  });
  await Promise.all(servers.map((server) => waitFor(server, knows(servers.length))));
  await Promise.all(
    replicas.map(async (replica, index) => {
      const id = await onServer(masters[index % masters.length], (redis) => redis.call('CLUSTER', 'MYID'));
      await onServer(replica, (redis) => redis.call('CLUSTER', 'REPLICATE', `${id}`));
    }),
  );
  await Promise.all(servers.map((server) => waitFor(server, isComplete)));
  await Promise.all(
    replicas.map((replica) =>
      waitFor(replica, async (redis) => (await redis.info('replication')).includes('master_link_status:up')),
    ),
  );
}

const knows = (count: number) => async (redis: Redis) =>
  `${await redis.cluster('INFO')}`.includes(`cluster_known_nodes:${count}\r`);

async function isComplete(redis: Redis): Promise<boolean> {
  const info = `${await redis.cluster('INFO')}`;
  return info.includes('cluster_state:ok') && info.includes(`cluster_slots_ok:${SLOTS}`);
}

async function waitFor(server: RedisServer, isSo: (redis: Redis) => Promise<boolean>): Promise<void> {
  await onServer(server, async (redis) => {
    const deadline = performance.now() + 30_000;
    while (!(await isSo(redis))) {
      if (performance.now() > deadline) throw new Error('the Redis cluster did not form within 30 s');
      await sleep(20);
    }
  });
}

/** Does something on one connection to one server, past the cluster. */
export async function onServer<T>(
  server: RedisServer | undefined,
  work: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = new Redis(server?.url ?? '', { retryStrategy: null, connectTimeout: 2_000 });
  redis.on('error', () => undefined);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
