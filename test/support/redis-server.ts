import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { requireRedisBinary } from './local-binaries.js';
import {
  createServerDirectory,
  findFreePort,
  removeServerDirectory,
  startServerProcess,
  waitForEnd,
  waitUntilReady,
} from './server-process.js';

export interface RedisServerOptions {
  /** The `redis-server` to run; found on this machine when left out. */
  binary?: string;
  /** More arguments, such as `['--maxmemory', '1mb']`. */
  args?: string[];
}

/** A Redis process of one's own, for tests that harm it. It keeps nothing on disk: a restart empties it. */
export interface RedisServer {
  /** The same after a restart. */
  readonly url: string;
  readonly port: number;
  /** Another one after a restart. */
  readonly pid: number;
  /** SIGSTOP: sockets stay open, nothing answers. */
  stopProcess(): void;
  /** SIGCONT. */
  continueProcess(): void;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Kills the process if it runs and starts it again on the same port. */
  restart(): Promise<void>;
  /** Ends the server for good. */
  stop(): Promise<void>;
}

export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const command = options.binary ?? requireRedisBinary();
  const directory = await createServerDirectory();
  const logFile = join(directory, 'server.log');
  const port = await findFreePort();
  const url = `redis://127.0.0.1:${port}`;

  let child = await launch();

  async function launch(): Promise<ChildProcess> {
    const started = startServerProcess({
      command,
      args: [
        '--port',
        `${port}`,
        '--bind',
        '127.0.0.1',
        '--dir',
        directory,
        '--save',
        '',
        '--appendonly',
        'no',
        ...(options.args ?? []),
      ],
      logFile,
      deathSignal: 'SIGKILL',
    });
    await waitUntilReady(started, { name: 'Redis', logFile, isReady: () => ping(url) });
    return started;
  }

  async function kill(): Promise<void> {
    child.kill('SIGKILL');
    await waitForEnd(child);
  }

  return {
    url,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    stopProcess: () => void child.kill('SIGSTOP'),
    continueProcess: () => void child.kill('SIGCONT'),
    kill,
    async restart() {
      await kill();
      child = await launch();
    },
    async stop() {
      await kill();
      removeServerDirectory(directory);
    },
  };
}

async function ping(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: null, connectTimeout: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
