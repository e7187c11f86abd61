import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { requirePgBouncerBinary } from './local-binaries.js';
import {
  createServerDirectory,
  findFreePort,
  removeServerDirectory,
  startServerProcess,
  unprivilegedAccount,
  waitForEnd,
  waitUntilReady,
} from './server-process.js';

export interface PgBouncerOptions {
  /** The server behind it. The database of this URL is the one the returned URL names; all others pass too. */
  postgresUrl: string;
  poolMode: 'transaction' | 'session' | 'statement';
  /** More lines of the `[pgbouncer]` section, such as `{ default_pool_size: '2' }`. */
  settings?: Record<string, string>;
}

export interface PgBouncer {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

export async function startPgBouncer({
  postgresUrl,
  poolMode,
  settings,
}: PgBouncerOptions): Promise<PgBouncer> {
  const command = requirePgBouncerBinary();
  const account = unprivilegedAccount();
  const directory = await createServerDirectory(account);
  const configFile = join(directory, 'pgbouncer.ini');
  const usersFile = join(directory, 'users.txt');
  const logFile = join(directory, 'server.log');
  const port = await findFreePort();
  const target = new URL(postgresUrl);
  const url = new URL(postgresUrl);
  url.host = `127.0.0.1:${port}`;

  const lines = Object.entries({
    listen_addr: '127.0.0.1',
    listen_port: `${port}`,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: usersFile,
    pool_mode: poolMode,
    max_client_conn: '500',
    ...settings,
  }).map(([name, value]) => `${name} = ${value}`);
  await writeFile(
    configFile,
    [
      '[databases]',
      `* = host=${target.hostname} port=${target.port || 5432}`,
      '[pgbouncer]',
      ...lines,
      '',
    ].join('\n'),
  );
  await writeFile(
    usersFile,
    `"${decodeURIComponent(target.username)}" "${decodeURIComponent(target.password)}"\n`,
    { mode: 0o600 },
  );
  if (account) await chown(usersFile, account.uid, account.gid);

  const child = startServerProcess({ command, args: [configFile], logFile, account, deathSignal: 'SIGKILL' });
  await waitUntilReady(child, { name: 'PgBouncer', logFile, isReady: () => query(url.href) });

  return {
    url: url.href,
    port,
    async stop() {
      child.kill('SIGKILL');
      await waitForEnd(child);
      removeServerDirectory(directory);
    },
  };
}

async function query(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
  } finally {
    await client.end();
  }
}
