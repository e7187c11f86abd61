import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { BackupDestination } from '../../../src/backup/backup-destination.js';
import type { BackupEvent } from '../../../src/backup/backups.js';
import { s3Destination } from '../../../src/backup/s3-destination.js';
import { runScheduled } from '../../../src/backup/scheduled-backup.js';
import { withConnection } from '../../../src/backup/work-connection.js';
import { type BackupGround, createBackupGround, KEY } from '../../support/backup-kit.js';
import { failure, must } from '../../support/builders.js';
import { queryOnce, withDatabase } from '../../support/database-admin.js';
import { type FakeS3, startFakeS3 } from '../../support/fake-s3.js';
import { createPlainRole } from '../../support/plain-role.js';
import { createTestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

const YEAR_MS = 365 * 86_400_000;

let ground: BackupGround;
beforeAll(async () => {
  ground = await createBackupGround();
});
afterAll(() => ground[Symbol.asyncDispose]());

/** Sessions of backups on the database of the ground, with what they wait for. */
const sessions = () =>
  ground.database.query<{ query: string; wait_event_type: string | null }>(
    `select query, wait_event_type from pg_stat_activity
     where application_name = 'macro-store backup' and datname = current_database()`,
  );

describe('the scratch database of a verification', () => {
  test('is left alone by verifications of other databases of the server', async () => {
    await using other = await createTestDatabase();
    const others = ground.backups({ database: { url: other.url }, name: 'other' });
    await must(others.run());
    let reads = 0;
    const destination: BackupDestination = {
      ...ground.destination,
      async *read(name, signal) {
        // One reading of the dump compares its checksum, one lists it; the third goes into the scratch database.
        if (name.endsWith('.dump') && ++reads === 3) await must(others.verify('latest'));
        yield* ground.destination.read(name, signal);
      },
    };
    await must(ground.backups().run());
    await must(ground.backups({ destination }).verify('latest'));
    expect(reads).toBe(3);
  });

  test('is dropped by them once its process is gone', async () => {
    const name = 'macro_store_verify_of_a_process_that_was_killed';
    await queryOnce(inject('postgresUrl'), `create database ${name}`);
    await must(ground.backups().run());
    await must(ground.backups().verify('latest'));
    expect(
      await queryOnce(inject('postgresUrl'), 'select from pg_database where datname = $1', [name]),
    ).toEqual([]);
  });
});

describe('backup.run', () => {
  test('removes nothing of others as a role that may not ask which server this is', async () => {
    await using role = await createPlainRole();
    await using database = await createTestDatabase();
    await database.query(`grant select on all tables in schema public to ${role.name}`);
    await database.query('revoke execute on function pg_control_system() from public');
    const backups = ground.backups({ database: { url: role.urlOf(database) }, name: 'plain' });
    const first = await must(backups.run());
    const leftovers = [first.file, `${first.id}.manifest.json.partial`];
    await rename(join(ground.folder, `${first.id}.manifest.json`), join(ground.folder, leftovers[1] ?? ''));
    const second = await must(backups.run());
    expect((await ground.files()).filter((file) => file.startsWith('plain--'))).toEqual(
      [...leftovers, second.file, `${second.id}.manifest.json`].sort(),
    );
  });

  test('whose session is lost while the manifest is stored publishes nothing', async () => {
    const before = await ground.files();
    const destination: BackupDestination = {
      ...ground.destination,
      async write(name, chunks, signal) {
        await ground.destination.write(name, chunks, signal);
        if (!name.endsWith('.manifest.json')) return;
        await ground.database.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'macro-store backup' and datname = current_database()`);
      },
    };
    expect(await failure(ground.backups({ destination }).run())).toMatchObject({ kind: 'unavailable' });
    expect(await ground.files()).toEqual(before);
  });

  test('that is aborted while the server counts gives its lock back', async () => {
    const holder = new pg.Client(ground.database.url);
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query('lock table users in access exclusive mode');
      const stop = new AbortController();
      const run = ground.backups().run({ signal: stop.signal });
      await until('the count waits', async () =>
        (await sessions()).some(
          ({ query, wait_event_type }) => wait_event_type === 'Lock' && query.startsWith('select count'),
        ),
      );
      stop.abort();
      expect(await failure(run)).toMatchObject({ kind: 'aborted' });
      await until('no session of it is left', async () => (await sessions()).length === 0);
    } finally {
      await holder.end();
    }
  });

  test('does nothing where its signal fires while it connects', async () => {
    const stop = new AbortController();
    const settings = { connectionString: ground.database.url };
    let hasWorked = false;
    const work = withConnection('backup.run', settings, stop.signal, async () => {
      hasWorked = true;
    });
    stop.abort();
    await expect(work).rejects.toThrow();
    expect(hasWorked).toBe(false);
  });
});

describe('backup.list', () => {
  test('passes over what is pruned while it reads', async () => {
    const pruning = ground.backups({ retention: { keepDaily: 0, minKeep: 1 } });
    await must(pruning.run());
    const kept = await must(pruning.run());
    let hasPruned = false;
    const destination: BackupDestination = {
      ...ground.destination,
      async list(prefix) {
        const files = await ground.destination.list(prefix);
        if (!hasPruned) {
          hasPruned = true;
          await must(pruning.prune());
        }
        return files;
      },
    };
    expect(await must(ground.backups({ destination }).list())).toEqual([kept]);
  });
});

describe('a listener that throws', () => {
  const throwing = (type: BackupEvent['type']) => (event: BackupEvent) => {
    if (event.type === type) throw new Error('of the application');
  };

  test.each(['storing', 'published'] as const)(
    'at %s ends the run, which says so and leaves nothing',
    async (type) => {
      const before = await ground.files();
      expect(await failure(ground.backups().run({ onProgress: throwing(type) }))).toMatchObject({
        kind: 'callback-threw',
      });
      expect(await ground.files()).toEqual(before);
    },
  );

  test.each(['checking', 'restoring', 'comparing'] as const)(
    'at %s ends verify and restore, and is not taken for damage',
    async (type) => {
      const backups = ground.backups({ encryptionKey: KEY });
      const { id } = await must(backups.run());
      const onProgress = throwing(type);
      expect(await failure(backups.verify(id, { onProgress }))).toMatchObject({ kind: 'callback-threw' });
      const url = withDatabase(ground.database.url, `${ground.database.name}_thrown`);
      expect(await failure(backups.restore(id, { url, onProgress }))).toMatchObject({
        kind: 'callback-threw',
      });
      expect(
        await queryOnce(inject('postgresUrl'), 'select from pg_database where datname = $1', [
          `${ground.database.name}_thrown`,
        ]),
      ).toEqual([]);
    },
  );
});

describe('a backup of the future, of a clock that was wrong', () => {
  test('neither counts as the last success nor keeps the schedule from taking one', async () => {
    const now = Date.now();
    const name = 'clock';
    await must(ground.backups({ name, clock: () => now + YEAR_MS }).run());
    const backups = ground.backups({ name, clock: () => now });
    expect(await must(backups.status())).toMatchObject({ lastSuccessAt: null });
    const turn = await runScheduled(backups, new Date(now), { signal: new AbortController().signal });
    expect(turn).toMatchObject({ type: 'succeeded' });
    expect(await must(backups.status())).toMatchObject({ lastSuccessAt: new Date(now) });
  });
});

describe('an S3 store', () => {
  let s3: FakeS3;
  let destination: BackupDestination;
  beforeEach(async () => {
    s3 = await startFakeS3();
    destination = s3Destination({ client: s3.client, bucket: 'backups' });
  });
  afterEach(() => s3[Symbol.asyncDispose]());

  test.each(['hang', 'stall'] as const)('whose reads %s is given up', async (fault) => {
    const backups = ground.backups({ destination });
    await must(backups.run());
    s3.fault = (operation) => (operation === 'get' ? fault : null);
    const impatient = s3Destination({ client: s3.client, bucket: 'backups', requestTimeoutMs: 500 });
    expect(await failure(ground.backups({ destination: impatient }).list())).toMatchObject({
      kind: 'backup-failed',
      step: 'list',
    });
    s3.fault = () => null;
    expect(await must(backups.list())).toHaveLength(1);
  });

  test('whose answer to a completion is lost has the upload all the same', async () => {
    const content = Buffer.alloc(11 * 1024 * 1024, 7);
    async function* chunks() {
      yield content;
    }
    s3.fault = (operation, nth) => (operation === 'completeUpload' && nth === 1 ? 'lost' : null);
    await destination.write('a--1.dump', chunks(), new AbortController().signal);
    expect(s3.calls.filter((call) => call === 'completeUpload')).toHaveLength(2);
    expect(s3.objects.get('a--1.dump')?.equals(content)).toBe(true);
  });

  test('that lost the upload itself has not', async () => {
    async function* chunks() {
      yield Buffer.alloc(11 * 1024 * 1024, 7);
    }
    s3.fault = (operation) => {
      if (operation === 'completeUpload') s3.objects.set('a--1.dump.other', Buffer.alloc(11 * 1024 * 1024));
      return operation === 'completeUpload' ? 'gone' : null;
    };
    await expect(
      destination.write('a--1.dump', chunks(), new AbortController().signal),
    ).rejects.toMatchObject({ name: 'NoSuchUpload' });
    expect([...s3.uploads]).toEqual([]);
  });
});
