import { type MacroStoreConfig, resolveConfig } from '../../config.js';
import type { MacroStore } from '../../create-macro-store.js';
import { isStoreError } from '../../errors.js';
import { sqlStateOf } from '../../sql-state.js';
import { checkClock } from './clock.js';
import { CONNECTION_CHECKS } from './connection-checks.js';
import { type DatabaseReading, readDatabase } from './database-facts.js';
import { type Finding, ok, problem } from './finding.js';
import { checkRedisServer, checkRedisTls } from './redis-checks.js';
import { readRedis } from './redis-facts.js';
import { checkSchema } from './schema-checks.js';
import { SERVER_CHECKS } from './server-checks.js';
import { checkSessions } from './session-checks.js';
import { SETTINGS_CHECKS } from './settings-checks.js';

export interface Examined {
  readonly config: MacroStoreConfig;
  readonly store: MacroStore;
  readonly now: () => number;
}

/** Runs every check that can be run as things are; changes nothing on either server. */
export async function examine(examined: Examined): Promise<readonly Finding[]> {
  // After each other: a server that is nearly full gets one visitor more, not two.
  return [...(await examineDatabase(examined)), ...(await examineRedis(examined))];
}

async function examineDatabase({ config, store, now }: Examined): Promise<readonly Finding[]> {
  const { database } = resolveConfig(config);
  if (database.kind !== 'server') {
    const found = 'the database is embedded: one process, for tests and small tools';
    const advice = 'set DATABASE_URL to look at a server';
    return [problem('database.embedded', 'info', found, advice), ...(await checkSchema(store, true))];
  }
  const { url, migrationUrl = url } = database;
  let reading: DatabaseReading;
  try {
    reading = await readDatabase(database, now);
  } catch (error) {
    return [unreachable('database.reachable', error)];
  }
  const direct = await readDirect(database, migrationUrl, reading, now);
  const { facts, clock, isTransactionPooler } = reading;
  const connections = {
    config: database,
    isPooled: isTransactionPooler,
    isDirectPooled: 'reading' in direct && direct.reading.isTransactionPooler,
  };
  return [
    ok('database.reachable', 'answers'),
    ...('failure' in direct ? [direct.failure] : []),
    ...CONNECTION_CHECKS.map((check) => check(connections)),
    ...SERVER_CHECKS.map((check) => check(facts)),
    ...SETTINGS_CHECKS.map((check) => check({ ...facts, config: database })),
    ...(await checkSessions(store)),
    ...('failure' in direct ? [] : await checkSchema(store, facts.isVectorInSight)),
    checkClock('clock.postgres', 'PostgreSQL', clock),
  ];
}

/** The way of migrations, which may be another one. */
async function readDirect(
  database: Parameters<typeof readDatabase>[0],
  migrationUrl: string,
  reading: DatabaseReading,
  now: () => number,
): Promise<{ readonly reading: DatabaseReading } | { readonly failure: Finding }> {
  if (migrationUrl === database.url) return { reading };
  try {
    return { reading: await readDatabase({ ...database, url: migrationUrl }, now) };
  } catch (error) {
    return { failure: unreachable('database.direct-reachable', error) };
  }
}

function unreachable(id: string, error: unknown): Finding {
  const sqlState = sqlStateOf(error);
  const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
  const advice = {
    '28': 'see the user, the password, and pg_hba.conf',
    '3D': 'create the database, or see its name',
    '53': 'the server has no connection left: end some, or raise max_connections',
    '57': 'the server is starting or stopping: try again',
  }[sqlState?.slice(0, 2) ?? ''];
  return problem(
    id,
    'error',
    isStoreError(error) ? error.message : `no connection to the database could be opened${code}`,
    advice ?? 'see that the server runs, and that host, port and TLS are right',
  );
}

async function examineRedis({ config, now }: Examined): Promise<readonly Finding[]> {
  const { redis, sessions } = resolveConfig(config);
  if (redis === null) {
    const found = 'none is configured: cache, sessions and limits are of one process each';
    return [problem('redis.configured', 'info', found, 'set REDIS_URL where several processes serve')];
  }
  // What was lent to a store cannot be said in JSON.
  if (redis.kind === 'borrowed') throw new Error('a configuration file cannot hold a client');
  const tls = checkRedisTls(redis);
  const reading = await readRedis(redis, now);
  if (reading.kind === 'failed') {
    const found = `Redis cannot be used: ${reading.code}`;
    const advice = 'see that it runs, and that address, user and password are right; npm install ioredis';
    return [tls, problem('redis.reachable', 'error', found, advice)];
  }
  const servers = reading.servers.flatMap((server) => {
    const findings = checkRedisServer({
      ...server,
      isClusterConfigured: redis.kind === 'cluster',
      areSessionsDurable: sessions.durable,
    });
    // Of several, which one.
    return redis.kind === 'cluster'
      ? findings.map((finding) => ({ ...finding, found: `${server.address}: ${finding.found}` }))
      : findings;
  });
  return [tls, ok('redis.reachable', 'answers'), ...servers];
}
