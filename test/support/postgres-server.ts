import type { ChildProcess } from 'node:child_process';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { hasPgStatStatements, requirePostgresBinDir } from './local-binaries.js';
import {
  createServerDirectory,
  descendantsOf,
  findFreePort,
  hasEnded,
  isRunning,
  removeServerDirectory,
  startServerProcess,
  unprivilegedAccount,
  waitForEnd,
  waitUntilReady,
} from './server-process.js';

export interface PostgresServerOptions {
  /** Where `initdb` and `postgres` are; found on this machine when left out. */
  binDir?: string;
  /** Server settings on top of ours, such as `{ max_connections: '10' }`. */
  settings?: Record<string, string>;
  /** Makes it a streaming replica of that server, of which it is a copy. */
  replicaOf?: PostgresServer;
}

/** A PostgreSQL process of one's own, for tests that harm it. */
export interface PostgresServer {
  /** Superuser `postgres` on database `postgres`; the same after a restart. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** Of the postmaster; another one after a restart. */
  readonly pid: number;
  /** Stops every process of the cluster (SIGSTOP): sockets stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** Kills every process of the cluster (SIGKILL), as a crash of the machine would. */
  kill(): Promise<void>;
  /** `fast` rolls back and disconnects, `immediate` leaves crash recovery to the next start. Starts it again after `kill()`. */
  restart(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

const execute = promisify(execFile);

// Data of a test run need not survive a power cut. It does survive `kill()`: commits wait for the write
// to the operating system, which costs next to nothing without fsync.
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '128MB',
  max_connections: '200',
  track_io_timing: 'off',
};

export async function startPostgresServer(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const binDir = options.binDir ?? requirePostgresBinDir();
  const account = unprivilegedAccount();
  const directory = await createServerDirectory(account);
  const dataDir = join(directory, 'data');
  const logFile = join(directory, 'server.log');
  const port = await findFreePort();
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  const settings = {
    ...SETTINGS,
    unix_socket_directories: directory,
    ...(hasPgStatStatements(binDir) ? { shared_preload_libraries: 'pg_stat_statements' } : {}),
    ...options.settings,
    port: `${port}`,
  };

  if (options.replicaOf === undefined) {
    await execute(
      join(binDir, 'initdb'),
      // C.UTF-8 orders by code point on every machine and still knows upper and lower case of all letters.
      [
        ...['-D', dataDir, '-U', 'postgres', '-A', 'trust', '--encoding=UTF8', '--locale=C.UTF-8'],
        ...['--no-sync', '--no-instructions'],
      ],
      { cwd: directory, ...account },
    );
  } else {
    await execute(
      join(binDir, 'pg_basebackup'),
      ['-D', dataDir, '-d', options.replicaOf.url, '-R', '-X', 'stream', '--checkpoint=fast', '--no-sync'],
      { cwd: directory, ...account },
    );
  }

  let postmaster = await launch();

  async function launch(): Promise<ChildProcess> {
    const child = startServerProcess({
      command: join(binDir, 'postgres'),
      args: [
        '-D',
        dataDir,
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      logFile,
      account,
      deathSignal: 'SIGQUIT',
    });
    await waitUntilReady(child, { name: 'PostgreSQL', logFile, isReady: () => connectOnce(url) });
    return child;
  }

  function cluster(): number[] {
    if (hasEnded(postmaster) || postmaster.pid === undefined) return [];
    return [postmaster.pid, ...descendantsOf(postmaster.pid)];
  }

  // Postmaster first: once it is stopped, no backend can be born that we would miss.
  function pause(): void {
    if (hasEnded(postmaster)) return;
    postmaster.kill('SIGSTOP');
    signalAll(cluster(), 'SIGSTOP');
  }

  function resume(): void {
    signalAll(cluster(), 'SIGCONT');
  }

  async function kill(): Promise<void> {
    pause();
    const pids = cluster();
    signalAll(pids, 'SIGKILL');
    await waitForEnd(postmaster);
    // A backend that is still there holds the shared memory and would make the next start fail.
    while (pids.some(isRunning)) await sleep(10);
  }

  return {
    url,
    port,
    dataDir,
    get pid() {
      return postmaster.pid ?? 0;
    },
    pause,
    resume,
    kill,
    async restart(mode = 'fast') {
      resume();
      postmaster.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await waitForEnd(postmaster);
      postmaster = await launch();
    },
    async stop() {
      resume();
      postmaster.kill('SIGQUIT');
      await waitForEnd(postmaster);
      removeServerDirectory(directory);
    },
  };
}

function signalAll(pids: number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // ended meanwhile
    }
  }
}

async function connectOnce(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
  } finally {
    await client.end();
  }
}
