import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { requireRedisBinary } from './local-binaries.js';
import { type RedisServer, startRedisServer } from './redis-server.js';
import {
  createServerDirectory,
  findFreePort,
  removeServerDirectory,
  startServerProcess,
  waitForEnd,
  waitUntilReady,
} from './server-process.js';

/** A master, its replica, and one sentinel that puts the replica in the master's place when it is gone. */
export interface RedisSentinel {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** For `redis` of the configuration. */
  readonly config: { readonly sentinels: { host: string; port: number }[]; readonly name: string };
  stop(): Promise<void>;
}

const NAME = 'main';

export async function startRedisSentinel(): Promise<RedisSentinel> {
  const master = await startRedisServer();
  const replica = await startRedisServer({
    args: ['--replicaof', '127.0.0.1', `${master.port}`, '--repl-diskless-sync-delay', '0'],
  });
  const directory = await createServerDirectory();
  const port = await findFreePort();
  const configFile = join(directory, 'sentinel.conf');
  const logFile = join(directory, 'server.log');
  await writeFile(
    configFile,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${directory}`,
      `sentinel monitor ${NAME} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${NAME} 500`,
      `sentinel failover-timeout ${NAME} 5000`,
    ].join('\n'),
  );
  const child = startServerProcess({
    command: requireRedisBinary(),
    args: [configFile, '--sentinel'],
    logFile,
    deathSignal: 'SIGKILL',
  });
  const stop = async () => {
    child.kill('SIGKILL');
    await waitForEnd(child);
    removeServerDirectory(directory);
    for (const server of [master, replica]) {
      server.continueProcess();
      await server.stop();
    }
  };
  try {
    await waitUntilReady(child, { name: 'Redis Sentinel', logFile, isReady: () => knowsReplica(port) });
  } catch (error) {
    await stop();
    throw error;
  }
  return { master, replica, config: { sentinels: [{ host: '127.0.0.1', port }], name: NAME }, stop };
}

async function knowsReplica(port: number): Promise<void> {
  const sentinel = new Redis({ port, lazyConnect: true, retryStrategy: null, connectTimeout: 2_000 });
  sentinel.on('error', () => undefined);
  try {
    await sentinel.connect();
    const info = `${await sentinel.info('sentinel')}`;
    if (!info.includes('slaves=1')) throw new Error('the sentinel has not found the replica yet');
  } finally {
    sentinel.disconnect();
  }
}
