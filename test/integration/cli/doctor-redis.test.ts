import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../../../src/cli/doctor/finding.js';
import type { DoctorReport } from '../../../src/cli/doctor.js';
import { runLine } from '../../support/command-line.js';
import { onServer, type RedisCluster, startRedisCluster } from '../../support/redis-cluster.js';
import { type RedisSentinel, startRedisSentinel } from '../../support/redis-sentinel.js';
import type { RedisServer } from '../../support/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

let directory: string;
let database: TestDatabase;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'macro-store-doctor-'));
  database = await createTestDatabase();
});
afterAll(async () => {
  await database?.drop();
  await rm(directory, { recursive: true, force: true });
});

/** What it finds of Redis by a configuration file: what is not well, and all. */
async function examineRedis(redis: object): Promise<{ faults: readonly Finding[]; all: readonly Finding[] }> {
  const file = join(directory, `${randomUUID()}.json`);
  await writeFile(file, JSON.stringify({ database: { url: database.url }, redis }));
  const { stdout, stderr } = await runLine(['doctor', '--json', '--config', file]);
  expect(stderr).toBe('');
  const { findings } = JSON.parse(stdout) as DoctorReport;
  const all = findings.filter(({ id }) => id.startsWith('redis.') || id === 'clock.redis');
  return { all, faults: all.filter(({ severity }) => severity === 'warn' || severity === 'error') };
}

/** Full at 64 MB, and then no more writes. */
const plantNoEviction = (server: RedisServer | undefined) =>
  onServer(server, async (redis) => {
    await redis.config('SET', 'maxmemory', '64mb');
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
  });

describe('macro-store doctor on a Redis Cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());

  test('finds nothing where all is well, and looks at each of its servers', async () => {
    const { faults, all } = await examineRedis({ nodes: cluster.nodes });
    expect(faults).toEqual([]);
    const roles = all.filter(({ id }) => id === 'redis.role').map(({ found }) => found);
    expect(roles.sort()).toEqual(
      cluster.masters.map(({ port }) => `127.0.0.1:${port}: a master of the cluster`).sort(),
    );
  });

  test('finds the one server with another policy, and says which', async () => {
    const [, faulty] = cluster.masters;
    await plantNoEviction(faulty);
    const { faults } = await examineRedis({ nodes: cluster.nodes });
    expect(faults).toMatchObject([{ id: 'redis.eviction', severity: 'warn' }]);
    expect(faults[0]?.found).toMatch(new RegExp(`^127\\.0\\.0\\.1:${faulty?.port}: .*noeviction`));
  });

  test('finds that one of its servers does not answer', async () => {
    await cluster.masters[2]?.stop();
    const { faults } = await examineRedis({ nodes: cluster.nodes });
    expect(faults.map(({ id }) => id)).toContain('redis.reachable');
  });
});

describe('macro-store doctor on Redis Sentinel', () => {
  let sentinel: RedisSentinel;
  beforeAll(async () => {
    sentinel = await startRedisSentinel();
  });
  afterAll(() => sentinel?.stop());

  test('finds nothing where all is well, and looks at the master', async () => {
    const { faults, all } = await examineRedis(sentinel.config);
    expect(faults).toEqual([]);
    expect(all.find(({ id }) => id === 'redis.role')).toMatchObject({ severity: 'ok', found: 'a master' });
  });

  test('finds what is wrong with the master, and with its successor only what is wrong with that', async () => {
    await plantNoEviction(sentinel.master);
    expect((await examineRedis(sentinel.config)).faults).toMatchObject([{ id: 'redis.eviction' }]);
    await sentinel.master.stop();
    await until('the replica has taken over', () =>
      onServer(
        sentinel.replica,
        async (redis) => `${await redis.info('replication')}`.includes('role:master'),
        // Who changes its role cuts its clients off.
      ).catch(() => false),
    );
    await until('the doctor sees nothing wrong', async () => {
      return (await examineRedis(sentinel.config)).faults.length === 0;
    });
  });

  test('finds that nobody answers for a master of that name', async () => {
    const { faults } = await examineRedis({ ...sentinel.config, name: 'nobody' });
    expect(faults.map(({ id }) => id)).toEqual(['redis.reachable']);
  });
});
