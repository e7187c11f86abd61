import { describe, expect, test } from 'vitest';
import { checkClock, readClock } from '../../../src/cli/doctor/clock.js';
import { CONNECTION_CHECKS } from '../../../src/cli/doctor/connection-checks.js';
import type { DatabaseFacts } from '../../../src/cli/doctor/database-facts.js';
import type { Finding } from '../../../src/cli/doctor/finding.js';
import { checkRedisServer, checkRedisTls } from '../../../src/cli/doctor/redis-checks.js';
import { SERVER_CHECKS } from '../../../src/cli/doctor/server-checks.js';
import { SETTINGS_CHECKS } from '../../../src/cli/doctor/settings-checks.js';
import { type MacroStoreConfig, resolveConfig } from '../../../src/config.js';

// What no server at hand can be made to say; the rest is found on real ones in test/integration/cli.

const WELL: DatabaseFacts = {
  version: '15.20',
  versionNumber: 150_020,
  encoding: 'UTF8',
  isInRecovery: false,
  schema: 'public',
  role: 'app',
  mayCreate: true,
  mayReadAllStats: true,
  lackingRights: [],
  vectorVersion: '0.8.0',
  availableVectorVersion: '0.8.0',
  isVectorInSight: true,
  isStatisticsPreloaded: true,
  hasStatisticsExtension: true,
  sharedBuffersBytes: 128 * 1024 * 1024,
  searchIndexBytes: 1024,
  maxConnections: 97,
  usedConnections: 3,
  roleConnections: null,
  databaseConnections: null,
  fsync: 'on',
  fullPageWrites: 'on',
  autovacuum: 'on',
  transactionAge: 1_000,
};
const REDIS: Parameters<typeof checkRedisServer>[0] = {
  address: '127.0.0.1:6379',
  version: '7.0.15',
  role: 'master',
  isClusterNode: false,
  maxMemoryBytes: 0,
  evictionPolicy: 'noeviction',
  isAppendOnly: false,
  snapshots: '',
  isLastSnapshotGood: true,
  mayTrack: true,
  mayRunScripts: true,
  hasSessions: false,
  clock: { offsetMs: 0, uncertaintyMs: 1 },
  isClusterConfigured: false,
  areSessionsDurable: false,
};

function serverOf(database: MacroStoreConfig['database']) {
  const resolved = resolveConfig({ ...(database && { database }) }).database;
  if (resolved.kind !== 'server') throw new Error('a server was given');
  return resolved;
}

function redisOf(redis: NonNullable<MacroStoreConfig['redis']>) {
  const resolved = resolveConfig({ redis }).redis;
  if (resolved === null || resolved.kind === 'borrowed') throw new Error('an own one was given');
  return resolved;
}

const faults = (findings: readonly Finding[]) =>
  findings.filter(({ severity }) => severity !== 'ok').map(({ id, severity }) => `${severity} ${id}`);
const config = serverOf({ url: 'postgresql://127.0.0.1/chat' });
const examine = (changes: Partial<DatabaseFacts>) => {
  const facts = { ...WELL, ...changes };
  return faults([
    ...SERVER_CHECKS.map((check) => check(facts)),
    ...SETTINGS_CHECKS.map((check) => check({ ...facts, config })),
  ]);
};

describe('the checks of the database', () => {
  test.each<[string, Partial<DatabaseFacts>, readonly string[]]>([
    ['nothing', {}, []],
    ['PostgreSQL 14', { versionNumber: 140_012 }, ['error postgres.version']],
    [
      'no pgvector on the server',
      { vectorVersion: null, availableVectorVersion: null },
      ['error postgres.vector'],
    ],
    ['pgvector 0.10, which is above 0.8', { vectorVersion: '0.10.0' }, []],
    ['pgvector 1.0', { vectorVersion: '1.0.0' }, []],
    ['no schema', { schema: null }, ['error rights.schema']],
    ['old transactions', { transactionAge: 1_500_000_000 }, ['error postgres.transaction-age']],
    ['others who use the connections', { usedConnections: 90 }, ['warn settings.connections']],
    ['a limit of the database', { databaseConnections: 5 }, ['error settings.connections']],
  ])('find %s', (_what, changes, expected) => {
    expect(examine(changes)).toEqual(expected);
  });
});

describe('the checks of connections', () => {
  const url = 'postgresql://db.example.com/chat';
  const examineConnection = (database: MacroStoreConfig['database'], isPooled = false) =>
    faults(
      CONNECTION_CHECKS.map((check) =>
        check({ config: serverOf(database), isPooled, isDirectPooled: false }),
      ),
    );

  test('take TLS for granted off this machine, and only when it is verified', () => {
    expect(examineConnection({ url })).toEqual([]);
    expect(examineConnection({ url, tls: false })).toEqual(['warn database.tls']);
    expect(examineConnection({ url, tls: { rejectUnauthorized: false } })).toEqual(['warn database.tls']);
  });

  test('tell when a pooler is configured and there is none', () => {
    expect(examineConnection({ url, pooler: 'transaction' })).toEqual(['info database.pooler']);
    expect(examineConnection({ url, pooler: 'transaction' }, true)).toEqual([]);
  });

  test('ask the same of Redis', () => {
    const host = 'redis.example.com';
    const of = (redis: NonNullable<MacroStoreConfig['redis']>) => faults([checkRedisTls(redisOf(redis))]);
    expect(of({ url: `rediss://${host}` })).toEqual([]);
    expect(of({ url: `redis://${host}` })).toEqual(['warn redis.tls']);
    expect(of({ url: `rediss://${host}`, tls: { rejectUnauthorized: false } })).toEqual(['warn redis.tls']);
    expect(of({ nodes: [{ host }] })).toEqual(['warn redis.tls']);
    expect(of({ sentinels: [{ host }], name: 'main', tls: true })).toEqual([]);
  });
});

describe('the checks of Redis', () => {
  test.each<[string, Partial<typeof REDIS>, readonly string[]]>([
    ['no bound on memory, as worth knowing', {}, ['info redis.eviction']],
    ['Redis 6.0', { version: '6.0.16' }, ['error redis.version', 'info redis.eviction']],
    [
      'a snapshot that failed',
      { isLastSnapshotGood: false },
      ['info redis.eviction', 'error redis.persistence'],
    ],
    [
      'nothing where sessions are in PostgreSQL too',
      { hasSessions: true, areSessionsDurable: true, maxMemoryBytes: 1e9, evictionPolicy: 'allkeys-lfu' },
      [],
    ],
    [
      'a node of a cluster that is configured as one',
      { isClusterNode: true, isClusterConfigured: true },
      ['info redis.eviction'],
    ],
  ])('find %s', (_what, changes, expected) => {
    expect(faults(checkRedisServer({ ...REDIS, ...changes }))).toEqual(expected);
  });

  test('do not take for lost what a service does not tell', () => {
    const server = { ...REDIS, snapshots: null, hasSessions: true };
    expect(faults(checkRedisServer(server))).toEqual(['info redis.eviction', 'info redis.persistence']);
  });
});

describe('readClock', () => {
  test('takes the other clock to be read in the middle of the round trip', async () => {
    const times = [1_000, 1_200];
    const reading = await readClock(
      () => times.shift() ?? 0,
      async () => 3_100,
    );
    expect(reading).toEqual({ offsetMs: 2_000, uncertaintyMs: 100 });
    expect(checkClock('clock.other', 'the other', reading)).toMatchObject({
      severity: 'warn',
      found: 'the clock of the other is 2000 ms ahead of this process',
    });
  });

  test('tolerates a second, and what the round trip leaves open', () => {
    expect(checkClock('clock.other', 'the other', { offsetMs: -1_400, uncertaintyMs: 500 }).severity).toBe(
      'ok',
    );
    expect(checkClock('clock.other', 'the other', { offsetMs: -1_600, uncertaintyMs: 500 }).severity).toBe(
      'warn',
    );
  });
});
