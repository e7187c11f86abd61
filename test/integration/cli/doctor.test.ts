import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../../../src/cli/doctor/finding.js';
import type { DoctorReport } from '../../../src/cli/doctor.js';
import { createMacroStore } from '../../../src/index.js';
import { runLine } from '../../support/command-line.js';
import { createDatabase, queryOnce, withDatabase } from '../../support/database-admin.js';
import { startPgBouncer } from '../../support/pgbouncer.js';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.js';
import { type RedisServer, type RedisServerOptions, startRedisServer } from '../../support/redis-server.js';
import { migrateTemplate } from '../../support/template.js';

const DURABLE = { fsync: 'on', full_page_writes: 'on' };

let postgres: PostgresServer;
let redis: RedisServer;

/** The ids of faults by severity, and each of them with what it says. */
interface Examined {
  readonly exitCode: number;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  finding(id: string): Finding | undefined;
}

async function examine(
  env: NodeJS.ProcessEnv,
  args: readonly string[] = [],
  now: () => number = Date.now,
): Promise<Examined> {
  const { exitCode, stdout, stderr } = await runLine(['doctor', '--json', ...args], env, { now });
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as DoctorReport;
  const idsOf = (severity: string) =>
    report.findings.filter((finding) => finding.severity === severity).map(({ id }) => id);
  expect([report.errors, report.warnings]).toEqual([idsOf('error').length, idsOf('warn').length]);
  for (const { severity, advice } of report.findings) expect(advice === null).toBe(severity === 'ok');
  return {
    exitCode,
    errors: idsOf('error'),
    warnings: idsOf('warn'),
    finding: (id) => report.findings.find((finding) => finding.id === id),
  };
}

/** A database of one's own on the healthy server, in which nothing is wrong but what `plant` does. */
async function aDatabase(plant: readonly string[] = [], { server = postgres, isHealthy = true } = {}) {
  const name = `doctor_${randomUUID().slice(0, 8)}`;
  const url = withDatabase(server.url, name);
  await createDatabase(server.url, { name });
  if (isHealthy) {
    await migrateTemplate(url);
    await queryOnce(url, 'create extension pg_stat_statements');
  }
  // In one session, so that a setting holds for what follows.
  if (plant.length > 0) await queryOnce(url, plant.join(';\n'));
  return { url, env: { DATABASE_URL: url, REDIS_URL: redis.url } };
}

async function withRedis<T>(
  options: RedisServerOptions,
  work: (server: RedisServer) => Promise<T>,
): Promise<T> {
  const server = await startRedisServer(options);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

let healthy: { url: string; env: NodeJS.ProcessEnv };

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgresServer({ settings: DURABLE }), startRedisServer()]);
  healthy = await aDatabase();
});
afterAll(async () => {
  await Promise.all([postgres?.stop(), redis?.stop()]);
});

describe('macro-store doctor', () => {
  test('finds nothing on a healthy pair, and says what it looked at', async () => {
    const { exitCode, errors, warnings, finding } = await examine(healthy.env);
    expect([exitCode, errors, warnings]).toEqual([0, [], []]);
    expect(finding('postgres.version')).toMatchObject({ severity: 'ok', advice: null });
    expect(finding('redis.tracking')).toMatchObject({ severity: 'ok' });
  });

  test('prints a line a check, the gravest last, with what to do', async () => {
    const { env } = await aDatabase(['drop extension pg_stat_statements'], {});
    const { exitCode, stdout } = await runLine(['doctor'], env);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ok {5}database\.reachable +answers\n/);
    expect(stdout).toMatch(
      /\nwarn {3}statistics\.statements +.*\n +→ run CREATE EXTENSION pg_stat_statements .*\n\d+ checks: 0 errors, 1 warning\n$/,
    );
  });

  test('never shows a password', async () => {
    const env = {
      DATABASE_URL: 'postgresql://app:correct-horse@127.0.0.1:1/chat',
      REDIS_URL: 'redis://app:battery-staple@127.0.0.1:1',
    };
    for (const args of [['doctor'], ['doctor', '--json']]) {
      const { exitCode, stdout, stderr } = await runLine(args, env);
      expect(exitCode).toBe(1);
      expect(stdout + stderr).not.toMatch(/correct-horse|battery-staple/);
    }
  });
});

describe('macro-store doctor finds in the database', () => {
  test.each<[what: string, plant: readonly string[], errors: readonly string[], warnings: readonly string[]]>(
    [
      [
        'a pgvector that is too old',
        [
          'set allow_system_table_mods = on',
          "update pg_extension set extversion = '0.7.4' where extname = 'vector'",
        ],
        ['postgres.vector'],
        [],
      ],
      [
        'a pgvector that is out of sight',
        ['create schema elsewhere', 'alter extension vector set schema elsewhere'],
        ['postgres.vector'],
        [],
      ],
      [
        'an index that a cut-off build left invalid',
        [
          'set allow_system_table_mods = on',
          `update pg_index set indisvalid = false
          where indexrelid = (select indexrelid from pg_index i join pg_class c on c.oid = i.indexrelid
            where indrelid = 'chat_vectors'::regclass and relname like '%hnsw%')`,
        ],
        ['indexes.valid'],
        [],
      ],
      [
        'a migration that was edited',
        ["update macro_store_migrations set checksum = 'other' where id like '0001%'"],
        ['migrations.edited'],
        [],
      ],
      [
        'a newer release',
        [
          `insert into macro_store_migrations (id, checksum, state, is_breaking, embedding_type)
          values ('9999_later', 'x', 'done', true, 'vector(1536)')`,
        ],
        ['migrations.newer'],
        [],
      ],
      [
        'a migration that no release has',
        [
          `insert into macro_store_migrations (id, checksum, state, is_breaking, embedding_type)
          values ('0000_foreign', 'x', 'done', true, 'vector(1536)')`,
        ],
        ['migrations.missing'],
        [],
      ],
      [
        'a build that would not fit its memory',
        [
          'set allow_system_table_mods = on',
          "update pg_class set reltuples = 5e6 where oid = 'chat_vectors'::regclass or relname like '%embedding_hnsw'",
        ],
        [],
        ['indexes.raise-maintenance-work-mem'],
      ],
      [
        'statistics that are not in this database',
        ['drop extension pg_stat_statements'],
        [],
        ['statistics.statements'],
      ],
    ],
  )('%s', async (_what, plant, errors, warnings) => {
    const { env } = await aDatabase(plant);
    const found = await examine(env);
    expect([found.errors, found.warnings]).toEqual([errors, warnings]);
    expect(found.exitCode).toBe(errors.length > 0 ? 1 : 0);
  });

  test('no extension and no migration', async () => {
    const { env } = await aDatabase(['create extension pg_stat_statements'], { isHealthy: false });
    expect((await examine(env)).errors).toEqual(['postgres.vector', 'migrations.pending']);
  });

  test('embeddings of another shape than configured', async () => {
    expect((await examine(healthy.env, ['--dimensions', '3'])).errors).toEqual(['migrations.dimensions']);
  });

  test('an encoding that does not hold every text', async () => {
    const name = `doctor_${randomUUID().slice(0, 8)}`;
    await queryOnce(
      postgres.url,
      `create database ${name} template template0 encoding 'SQL_ASCII' locale 'C'`,
    );
    const url = withDatabase(postgres.url, name);
    await migrateTemplate(url);
    expect((await examine({ DATABASE_URL: url })).errors).toEqual(['postgres.encoding']);
  });

  test('rights that the role lacks', async () => {
    const role = `app_${randomUUID().slice(0, 8)}`;
    const { url } = await aDatabase([
      `create role ${role} login`,
      `grant select, insert, update, delete on users, chats, chat_vectors, macro_store_migrations to ${role}`,
      `grant select on chat_messages to ${role}`,
    ]);
    const asRole = new URL(url);
    asRole.username = role;
    const { errors, warnings, finding } = await examine({ DATABASE_URL: asRole.href });
    expect([errors, warnings]).toEqual([['rights.tables'], ['rights.statistics']]);
    expect(finding('rights.tables')?.found).toContain(
      'insert on chat_messages, update on chat_messages, delete on chat_messages',
    );
    expect(finding('rights.schema')).toMatchObject({ severity: 'info' });
  });

  test('fewer connections than the pool may open, by the role and by the server', async () => {
    const role = `few_${randomUUID().slice(0, 8)}`;
    await queryOnce(postgres.url, `create role ${role} superuser login connection limit 10`);
    const asRole = new URL(healthy.url);
    asRole.username = role;
    const { finding } = await examine({ DATABASE_URL: asRole.href });
    expect(finding('settings.connections')).toMatchObject({
      severity: 'error',
      found: 'the pool may open 20 connections, and the CONNECTION LIMIT of the role is 10',
    });
  });

  test('a database that is not there, and a server that is not', async () => {
    const absent = await examine({ DATABASE_URL: withDatabase(postgres.url, 'nobody') });
    expect(absent.errors).toEqual(['database.reachable']);
    expect(absent.finding('database.reachable')?.advice).toBe('create the database, or see its name');
    const gone = await examine({ DATABASE_URL: 'postgresql://127.0.0.1:1/chat' });
    expect(gone.finding('database.reachable')?.found).toContain('ECONNREFUSED');
  });

  test('plain text to a server that is not on this machine', async () => {
    const url = new URL(healthy.url);
    // An address of this machine that is not one of loopback, so that it counts as another's.
    url.hostname = '0.0.0.0';
    url.searchParams.set('sslmode', 'disable');
    const env = { DATABASE_URL: url.href, REDIS_URL: `redis://0.0.0.0:${redis.port}` };
    expect((await examine(env)).warnings).toEqual(['database.tls', 'redis.tls']);
  });
});

describe('macro-store doctor finds in the settings of a server', () => {
  test('what it does not load, write, clean up, hold in memory, or let in', async () => {
    const server = await startPostgresServer({
      settings: {
        shared_preload_libraries: '',
        autovacuum: 'off',
        max_connections: '15',
        shared_buffers: '800kB',
      },
    });
    try {
      const user = "(select id from users where email = 'ada@example.com')";
      const { env } = await aDatabase(
        [
          "insert into users (email) values ('ada@example.com')",
          `insert into chats (user_id, title) values (${user}, 'Trip')`,
          `insert into chat_vectors (user_id, chat_id, content, embedding)
            select ${user}, (select id from chats), 'text',
              (select array_agg(random() + place + n) from generate_series(1, 1536) as place)::vector
            from generate_series(1, 200) n`,
        ],
        { server },
      );
      const { errors, warnings } = await examine(env);
      expect(errors).toEqual(['settings.connections', 'settings.durability', 'settings.autovacuum']);
      expect(warnings).toEqual(['statistics.statements', 'settings.shared-buffers']);
    } finally {
      await server.stop();
    }
  });

  test('a replica that takes no writes', async () => {
    const server = await startPostgresServer({ settings: DURABLE });
    try {
      const { env } = await aDatabase([], { server });
      await writeFile(join(server.dataDir, 'standby.signal'), '');
      await server.restart();
      const { errors } = await examine(env);
      expect(errors).toEqual(['postgres.writable']);
    } finally {
      await server.stop();
    }
  });
});

describe('macro-store doctor finds between store and server', () => {
  test('a pooler in transaction mode that the store does not know of', async () => {
    const pooler = await startPgBouncer({ postgresUrl: healthy.url, poolMode: 'transaction' });
    try {
      const { errors } = await examine({ DATABASE_URL: pooler.url });
      expect(errors).toEqual(
        expect.arrayContaining(['database.pooler', 'database.direct-url', 'database.pool']),
      );
    } finally {
      await pooler.stop();
    }
  });

  test('a pooler without a direct URL, and sessions without our settings', async () => {
    const pooler = await startPgBouncer({ postgresUrl: healthy.url, poolMode: 'transaction' });
    try {
      const env = { DATABASE_URL: pooler.url, MACRO_STORE_POOLER: 'transaction' };
      const without = await examine(env);
      expect(without.errors).toEqual(['database.direct-url']);
      expect(without.warnings).toEqual(['settings.jit', 'settings.statement-timeout']);
      const withUrl = await examine({ ...env, MACRO_STORE_MIGRATION_URL: healthy.url });
      expect(withUrl.errors).toEqual([]);
    } finally {
      await pooler.stop();
    }
  });

  test('nothing behind a pooler that is configured, with a role that has the settings', async () => {
    const role = `set_${randomUUID().slice(0, 8)}`;
    await queryOnce(
      postgres.url,
      `create role ${role} superuser login; alter role ${role} set jit = off; alter role ${role} set statement_timeout = '30s'`,
    );
    const direct = new URL(healthy.url);
    direct.username = role;
    const pooler = await startPgBouncer({ postgresUrl: direct.href, poolMode: 'transaction' });
    try {
      const { errors, warnings } = await examine({
        DATABASE_URL: pooler.url,
        MACRO_STORE_POOLER: 'transaction',
        MACRO_STORE_MIGRATION_URL: direct.href,
        REDIS_URL: redis.url,
      });
      expect([errors, warnings]).toEqual([[], []]);
    } finally {
      await pooler.stop();
    }
  });

  test('clocks that are apart', async () => {
    const { warnings, finding } = await examine(healthy.env, [], () => Date.now() + 5_000);
    expect(warnings).toEqual(['clock.postgres', 'clock.redis']);
    expect(finding('clock.redis')?.found).toMatch(/^the clock of Redis is \d{4} ms behind this process$/);
  });
});

describe('macro-store doctor finds in Redis', () => {
  const examineRedis = (url: string, args: readonly string[] = []) =>
    examine({ DATABASE_URL: healthy.url, REDIS_URL: url }, args);

  async function createSession(url: string): Promise<void> {
    await using store = createMacroStore({ redis: { url, commandTimeoutMillis: 10_000 } });
    const created = await store.sessions.create({ userId: randomUUID(), data: {} });
    if (created.isErr()) throw created.error;
  }

  test('that it does not answer', async () => {
    const { errors, finding, exitCode } = await examineRedis('redis://127.0.0.1:1');
    expect([exitCode, errors]).toEqual([1, ['redis.reachable']]);
    expect(finding('redis.reachable')?.found).toBe('Redis cannot be used: ECONNREFUSED');
  });

  test('that a password is needed', () =>
    withRedis({}, async ({ url }) => {
      const admin = new Redis(url);
      await admin.config('SET', 'requirepass', 'secret');
      await admin.quit();
      const { finding } = await examineRedis(url);
      expect(finding('redis.reachable')?.found).toBe('Redis cannot be used: NOAUTH');
    }));

  test('users who may not run scripts, and not track', async () => {
    const admin = new Redis(redis.url);
    await admin.call(
      'ACL',
      'SETUSER',
      'narrow',
      'on',
      '>pw',
      '~*',
      '&*',
      '+@all',
      '-client|tracking',
      '-@scripting',
    );
    await admin.quit();
    const { errors, warnings } = await examineRedis(`redis://narrow:pw@127.0.0.1:${redis.port}`);
    expect([errors, warnings]).toEqual([['redis.scripts'], ['redis.tracking']]);
  });

  test('a wrong password', async () => {
    const { finding } = await examineRedis(`redis://narrow:no@127.0.0.1:${redis.port}`);
    expect(finding('redis.reachable')).toMatchObject({
      severity: 'error',
      found: 'Redis cannot be used: WRONGPASS',
    });
  });

  test('a bound on memory at which writes are refused', () =>
    withRedis({ args: ['--maxmemory', '64mb'] }, async ({ url }) => {
      const { warnings, finding } = await examineRedis(url);
      expect(warnings).toEqual(['redis.eviction']);
      expect(finding('redis.eviction')?.found).toContain('noeviction');
    }));

  test('sessions that it would drop when full, or lose when it restarts', () =>
    withRedis({ args: ['--maxmemory', '64mb', '--maxmemory-policy', 'volatile-lru'] }, async ({ url }) => {
      expect((await examineRedis(url)).warnings).toEqual([]);
      await createSession(url);
      expect((await examineRedis(url)).warnings).toEqual(['redis.eviction', 'redis.persistence']);
    }));

  test('no loss of sessions where it writes them to disk', () =>
    withRedis({ args: ['--appendonly', 'yes'] }, async ({ url }) => {
      await createSession(url);
      expect((await examineRedis(url)).warnings).toEqual([]);
    }));

  test('that it is a replica', () =>
    withRedis({ args: ['--replicaof', '127.0.0.1', `${redis.port}`] }, async ({ url }) => {
      expect((await examineRedis(url)).errors).toContain('redis.role');
    }));

  test('that it is part of a cluster', () =>
    withRedis({ args: ['--cluster-enabled', 'yes'] }, async ({ url }) => {
      const { finding } = await examineRedis(url);
      expect(finding('redis.role')).toMatchObject({
        severity: 'error',
        advice: 'set redis.nodes instead of redis.url',
      });
    }));
});
