import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { runInTerminal, runLine, runPiped, startPiped } from '../../support/command-line.js';
import { dropDatabase, queryOnce, withDatabase } from '../../support/database-admin.js';
import { startFakeS3 } from '../../support/fake-s3.js';
import { type S3rverServer, startS3rver } from '../../support/s3rver-server.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

let directory: string;
let database: TestDatabase;
let env: NodeJS.ProcessEnv;
const bin = () => {
  const found = inject('postgresBinDir');
  return found === undefined ? [] : ['--pg-bin', found];
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'macro-store-cli-backup-'));
  database = await createTestDatabase();
  await database.query("insert into users (email) values ('ada@example.com')");
  env = {
    DATABASE_URL: database.url,
    MACRO_STORE_BACKUP_DESTINATION: join(directory, 'backups'),
    MACRO_STORE_BACKUP_KEY: 'ab'.repeat(32),
  };
});
afterAll(async () => {
  await database?.drop();
  await rm(directory, { recursive: true, force: true });
});

describe('macro-store backup', () => {
  test('takes, lists, verifies, restores and prunes', async () => {
    expect((await runLine(['backup', 'list'], env)).stdout).toBe('none\n');
    const run = await runPiped(['backup', 'run', ...bin()], env);
    expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/published \S+, \d+\.\d MB\n/) });
    const [id = ''] = run.stdout.split(' ');

    const listed = await runLine(['backup', 'list', '--json'], env);
    expect(JSON.parse(listed.stdout)).toMatchObject({ manifests: [{ id, encrypted: true }] });

    const verified = await runInTerminal(['backup', 'verify', ...bin()], env);
    expect([verified.exitCode, verified.stdout]).toEqual([0, expect.stringContaining(`${id} is whole`)]);
    expect(verified.stdout).toContain('\r\u001b[Kchecking [');
    expect(verified.stdout).toMatch(/checking \[[#.]{24}\] \d+ %/);

    const name = `${inject('databasePrefix')}${randomUUID().slice(0, 8)}`;
    const into = withDatabase(database.url, name);
    try {
      const restored = await runLine(['backup', 'restore', id, '--into', into, ...bin()], env);
      expect(restored).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`${id} restored in `) });
      expect(await queryOnce(into, 'select email from users')).toEqual([{ email: 'ada@example.com' }]);
      const again = await runLine(['backup', 'restore', id, '--into', into, ...bin()], env);
      expect(again.exitCode).toBe(1);
    } finally {
      await dropDatabase(inject('postgresUrl'), name);
    }

    const second = await runLine(['backup', 'run', '--json', ...bin()], env);
    expect(second).toMatchObject({ exitCode: 0, stderr: '' });
    const keep = ['--keep-daily', '1', '--keep-weekly', '0', '--keep-monthly', '0', '--min-keep', '1'];
    const dry = await runLine(['backup', 'prune', '--dry-run', ...keep], env);
    expect(dry.stdout).toContain(`would delete  ${id}\n`);
    const pruned = await runLine(['backup', 'prune', ...keep], env);
    expect(pruned.stdout).toContain(`deleted  ${id}\n`);
    expect(JSON.parse((await runLine(['backup', 'list', '--json'], env)).stdout).manifests).toHaveLength(1);
  });

  test('fails with 1 for a backup that was damaged, and for one that is not there', async () => {
    const place = join(directory, 'damaged');
    expect((await runLine(['backup', 'run', '--to', place, ...bin()], env)).exitCode).toBe(0);
    const dump = (await readdir(place)).find((file) => file.endsWith('.dump'));
    await writeFile(join(place, dump ?? ''), 'not a dump');
    const verified = await runLine(['backup', 'verify', '--to', place, ...bin()], env);
    expect([verified.exitCode, verified.stderr]).toEqual([1, expect.stringContaining('backup-damaged')]);
    expect((await runLine(['backup', 'verify', 'other', '--to', place, ...bin()], env)).exitCode).toBe(1);
  });

  test.each([
    ['nothing to do', ['backup'], {}, /one of run, list, verify, restore, prune/],
    ['no place', ['backup', 'list'], { MACRO_STORE_BACKUP_DESTINATION: '' }, /give --to/],
    ['no database to fill', ['backup', 'restore'], {}, /give --into/],
    [
      'a key that is none',
      ['backup', 'list'],
      { MACRO_STORE_BACKUP_KEY: 'hunter2' },
      /64 hexadecimal digits/,
    ],
    ['an id where none belongs', ['backup', 'prune', 'chat--1'], {}, /prune: takes no id/],
    ['a retention that is none', ['backup', 'prune', '--min-keep', '0'], {}, /retention\.minKeep/],
  ])('ends with 2 and says what is wrong: %s', async (_what, args, changes, message) => {
    const { exitCode, stderr } = await runLine(args, { ...env, ...changes });
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr).not.toContain('hunter2');
  });

  test('is told to end by SIGTERM, and leaves nothing', async () => {
    const place = join(directory, 'ended');
    const holder = new pg.Client(database.url);
    await holder.connect();
    try {
      // Neither pg_dump nor the count gets past it.
      await holder.query('begin');
      await holder.query('lock table users in access exclusive mode');
      const program = startPiped(['backup', 'run', '--to', place, ...bin()], env);
      await until('pg_dump waits', async () => {
        const waiting = await database.query(`select from pg_stat_activity where wait_event_type = 'Lock'
          and application_name = 'macro-store backup' and datname = current_database()`);
        return waiting.length === 2;
      });
      program.interrupt('SIGTERM');
      expect(await program.ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('aborted') });
      expect(await readdir(place)).toEqual([]);
    } finally {
      await holder.end();
    }
  });

  test('keeps what it stores in a bucket in a folder of the prefix', async () => {
    await using s3 = await startFakeS3();
    const remote = {
      ...env,
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'key',
    };
    for (const place of ['s3://backups/one', 's3://backups/two/']) {
      expect(
        await runPiped(['backup', 'run', '--to', place, '--name', 'chat', ...bin()], remote),
      ).toMatchObject({
        exitCode: 0,
      });
    }
    const folders = [...s3.objects.keys()].map((key) => key.replace(/--.*/, ''));
    expect(folders.sort()).toEqual(['one/chat', 'one/chat', 'two/chat', 'two/chat']);
  });
});

describe('macro-store backup --to s3://…', () => {
  let s3: S3rverServer;
  let s3Env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    s3 = await startS3rver();
    const { MACRO_STORE_BACKUP_DESTINATION: _directory, ...rest } = env;
    s3Env = {
      ...rest,
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'S3RVER',
      AWS_SECRET_ACCESS_KEY: 'S3RVER',
      NODE_NO_WARNINGS: '1', // the SDK tells of the versions of Node that it will leave behind
    };
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await s3?.[Symbol.asyncDispose]();
  });

  const keysAt = async () => {
    const { Contents = [] } = await s3.client.send(new ListObjectsV2Command({ Bucket: 'backups' }));
    return Contents.map(({ Key }) => Key).sort();
  };

  test('takes, lists, verifies and prunes in a bucket', async () => {
    const to = ['--to', 's3://backups/chat/'];
    const run = await runPiped(['backup', 'run', ...to, ...bin()], s3Env);
    expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/published \S+, \d+\.\d MB\n/) });
    const [id = ''] = run.stdout.split(' ');
    expect(await keysAt()).toEqual([`chat/${id}.dump`, `chat/${id}.manifest.json`]);

    // In this process too, whose variables the SDK then reads.
    for (const [name, value] of Object.entries(s3Env)) if (name.startsWith('AWS_')) vi.stubEnv(name, value);
    const listed = await runLine(['backup', 'list', '--json', ...to], s3Env);
    expect(JSON.parse(listed.stdout)).toMatchObject({ manifests: [{ id, encrypted: true }] });
    const verified = await runPiped(['backup', 'verify', ...to, ...bin()], s3Env);
    expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`${id} is whole`) });

    const second = await runLine(['backup', 'run', '--json', ...to, ...bin()], s3Env);
    expect(second).toMatchObject({ exitCode: 0, stderr: '' });
    const keep = ['--keep-daily', '1', '--min-keep', '1'];
    const pruned = await runPiped(['backup', 'prune', ...keep, ...to], s3Env);
    expect(pruned).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`deleted  ${id}\n`) });
    const { manifest } = JSON.parse(second.stdout) as { manifest: { id: string } };
    expect(await keysAt()).toEqual([`chat/${manifest.id}.dump`, `chat/${manifest.id}.manifest.json`]);
  });

  test('fails with 1 where there is no such bucket, and shows no credentials', async () => {
    const { exitCode, stderr } = await runPiped(
      ['backup', 'run', '--to', 's3://nobody/chat/', ...bin()],
      s3Env,
    );
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('backup-failed')]);
    expect(stderr).not.toContain('S3RVER');
  });
});
