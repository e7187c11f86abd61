import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import pg from 'pg';
import {
  findPgBouncerBinary,
  findPostgresBinDir,
  findRedisBinary,
  isAtLeast,
  MIN_PGVECTOR,
  MIN_POSTGRES_MAJOR,
} from './local-binaries.js';
import { startPostgresServer } from './postgres-server.js';
import { startRedisServer } from './redis-server.js';

const POSTGRES_IMAGE = 'pgvector/pgvector:pg17';
const REDIS_IMAGE = 'redis:7';
const DOCKER_TIMEOUT_MS = 2_000;
const INSTALL_SCRIPT = fileURLToPath(new URL('../../scripts/install-services.sh', import.meta.url));

export interface Services {
  postgres: {
    url: string;
    version: string;
    /** Version of pgvector. */
    vectorVersion: string;
    /** `initdb`, `pg_dump` and the like on this machine, wherever the server itself runs. */
    binDir?: string;
    /** The `pgbouncer` binary on this machine. */
    pgbouncer?: string;
  };
  redis: {
    url: string;
    version: string;
    /** The `redis-server` binary on this machine. */
    binary?: string;
  };
  /** Ends what was started; leaves servers alone that were there before. */
  stop(): Promise<void>;
}

interface RunningServer {
  url: string;
  origin: string;
  stop(): Promise<void>;
}

interface Service {
  name: string;
  variable: string;
  startContainer(settings: Settings): Promise<RunningServer>;
  hasBinaries(): boolean;
  startBinaries(settings: Settings): Promise<RunningServer>;
}

/** Of the PostgreSQL that is started, such as `{ shared_buffers: '1GB' }`. */
type Settings = Readonly<Record<string, string>>;

const POSTGRES: Service = {
  name: 'PostgreSQL with pgvector',
  variable: 'MACRO_STORE_TEST_POSTGRES_URL',
  async startContainer(settings) {
    const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
    const container = await new PostgreSqlContainer(POSTGRES_IMAGE)
      .withCommand([
        'postgres',
        '-c',
        'fsync=off',
        '-c',
        'max_connections=200',
        '-c',
        'shared_preload_libraries=pg_stat_statements',
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ])
      .start();
    return {
      url: container.getConnectionUri(),
      origin: `Docker, ${POSTGRES_IMAGE}`,
      stop: async () => void (await container.stop()),
    };
  },
  hasBinaries: () => findPostgresBinDir() !== undefined,
  async startBinaries(settings) {
    const server = await startPostgresServer({ settings: { synchronous_commit: 'off', ...settings } });
    return { url: server.url, origin: `local binaries, port ${server.port}`, stop: () => server.stop() };
  },
};

const REDIS: Service = {
  name: 'Redis',
  variable: 'MACRO_STORE_TEST_REDIS_URL',
  async startContainer() {
    const { RedisContainer } = await import('@testcontainers/redis');
    const container = await new RedisContainer(REDIS_IMAGE).start();
    return {
      url: container.getConnectionUrl(),
      origin: `Docker, ${REDIS_IMAGE}`,
      stop: async () => void (await container.stop()),
    };
  },
  hasBinaries: () => findRedisBinary() !== undefined,
  async startBinaries() {
    const server = await startRedisServer();
    return { url: server.url, origin: `local binaries, port ${server.port}`, stop: () => server.stop() };
  },
};

/**
 * Finds or starts one PostgreSQL with pgvector and one Redis, and prints which. In this order:
 * the environment's URLs, Docker, binaries on this machine, binaries installed now (Debian or Ubuntu
 * as root). Throws when none of them works: a run without servers must never look like a green one.
 */
export async function startServices(postgresSettings: Settings = {}): Promise<Services> {
  const started: RunningServer[] = [];
  const stop = async () => void (await Promise.all(started.splice(0).map((server) => server.stop())));
  try {
    for (const service of [POSTGRES, REDIS]) started.push(await start(service, postgresSettings));
    const [postgresServer, redisServer] = started as [RunningServer, RunningServer];
    const postgres = { url: postgresServer.url, ...(await ask(postgresServer, readPostgresVersions)) };
    const redis = { url: redisServer.url, version: await ask(redisServer, readRedisVersion) };
    console.log(
      `servers: PostgreSQL ${postgres.version} + pgvector ${postgres.vectorVersion} (${postgresServer.origin})` +
        ` · Redis ${redis.version} (${redisServer.origin})`,
    );
    const binDir = findPostgresBinDir();
    const pgbouncer = findPgBouncerBinary();
    const binary = findRedisBinary();
    return {
      postgres: { ...postgres, ...(binDir ? { binDir } : {}), ...(pgbouncer ? { pgbouncer } : {}) },
      redis: { ...redis, ...(binary ? { binary } : {}) },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(service: Service, settings: Settings): Promise<RunningServer> {
  const url = process.env[service.variable];
  if (url) return { url, origin: service.variable, stop: async () => {} };
  if (await dockerAnswers()) {
    try {
      return await service.startContainer(settings);
    } catch (error) {
      // For example no way to pull the image: binaries on this machine may still do.
      console.warn(`servers: Docker runs but did not start ${service.name}: ${reasonOf(error)}`);
    }
  }
  if (!service.hasBinaries() && canInstall()) {
    console.log('servers: installing what is missing with scripts/install-services.sh');
    execFileSync(INSTALL_SCRIPT, { stdio: 'inherit' });
  }
  if (service.hasBinaries()) return service.startBinaries(settings);
  throw new Error(
    `The tests need ${service.name} and found none. Do one of:\n` +
      `  - set ${service.variable} to the URL of a server they may create databases in\n` +
      '  - start Docker\n' +
      '  - on Debian or Ubuntu: sudo scripts/install-services.sh\n' +
      `  - install PostgreSQL ${MIN_POSTGRES_MAJOR} or later with pgvector ${MIN_PGVECTOR} or later, and redis-server, on the PATH`,
  );
}

let docker: Promise<boolean> | undefined;

// The client without a daemon, or with one that hangs, is a machine without Docker.
function dockerAnswers(): Promise<boolean> {
  docker ??= promisify(execFile)('docker', ['version', '--format', '{{.Server.Version}}'], {
    timeout: DOCKER_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  }).then(
    () => true,
    () => false,
  );
  return docker;
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version');
}

async function ask<Answer>(
  server: RunningServer,
  question: (url: string) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await question(server.url);
  } catch (cause) {
    throw new Error(`The server of the tests is not usable (${server.origin}): ${reasonOf(cause)}`, {
      cause,
    });
  }
}

// Node reports a refused connection as an AggregateError whose own message is empty.
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

async function readPostgresVersions(
  connectionString: string,
): Promise<{ version: string; vectorVersion: string }> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string; vector: string | null }>(
      `select split_part(current_setting('server_version'), ' ', 1) as version,
              (select default_version from pg_available_extensions where name = 'vector') as vector`,
    );
    const [row] = rows;
    if (!row || !isAtLeast(row.version, `${MIN_POSTGRES_MAJOR}`)) {
      throw new Error(
        `The tests need PostgreSQL ${MIN_POSTGRES_MAJOR} or later; this server is ${row?.version}.`,
      );
    }
    if (!row.vector || !isAtLeast(row.vector, MIN_PGVECTOR)) {
      throw new Error(
        `The tests need pgvector ${MIN_PGVECTOR} or later; this server has ${row.vector ?? 'none'}.`,
      );
    }
    return { version: row.version, vectorVersion: row.vector };
  } finally {
    await client.end();
  }
}

async function readRedisVersion(url: string): Promise<string> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: null, connectTimeout: 10_000 });
  // The rejection of connect() says only "Connection is closed."; the event has the reason.
  let reason: Error | undefined;
  client.on('error', (error) => {
    reason = error;
  });
  try {
    await client.connect();
    const [, version] = /redis_version:(\S+)/.exec(await client.info('server')) ?? [];
    return version ?? 'of unknown version';
  } catch (error) {
    throw reason ?? error;
  } finally {
    client.disconnect();
  }
}
