import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { BackupDestination } from '../../src/backup/backup-destination.js';
import { type S3DestinationOptions, s3Destination } from '../../src/backup/s3-destination.js';
import { runScheduled } from '../../src/backup/scheduled-backup.js';
import { addNoise, type BackupGround, contentsOf, createBackupGround, KEY } from '../support/backup-kit.js';
import type { BackupWorkerInput, BackupWorkerOutput } from '../support/backup-worker.js';
import { failure, must } from '../support/builders.js';
import { queryOnce, withDatabase } from '../support/database-admin.js';
import { type FakeS3, type S3Fault, type S3Operation, startFakeS3 } from '../support/fake-s3.js';
import { startPostgresServer } from '../support/postgres-server.js';
import { seededRandom } from '../support/seeded-random.js';
import { createTestDatabase } from '../support/test-database.js';
import { runningTools } from '../support/tool-processes.js';
import { buildWorker } from '../support/worker-process.js';

const MIB = 1024 * 1024;
const ROUNDS = 10;
const PART = { partBytes: 5 * MIB };

let ground: BackupGround;
let worker: Awaited<ReturnType<typeof buildWorker<BackupWorkerInput, BackupWorkerOutput>>>;
/** The objects of a good backup, which was verified. */
let goodObjects: ReadonlyMap<string, Buffer>;

beforeAll(async () => {
  ground = await createBackupGround();
  worker = await buildWorker('backup-worker.ts');
  await addNoise(ground, 800); // a dump of several parts
  await using s3 = await startFakeS3();
  const backups = ground.backups({ destination: bucketOf(s3) });
  expect((await must(backups.run())).bytes).toBeGreaterThan(11 * MIB);
  await must(backups.verify('latest'));
  goodObjects = new Map(s3.objects);
  await must(ground.backups({ encryptionKey: KEY }).run());
});
afterAll(async () => {
  await worker.remove();
  await ground[Symbol.asyncDispose]();
});

const bucketOf = (s3: FakeS3, options: Partial<S3DestinationOptions> = {}) =>
  s3Destination({ client: s3.client, bucket: 'backups', ...PART, ...options });

/** A store that has the good backup. */
async function startS3WithBackup(): Promise<FakeS3> {
  const s3 = await startFakeS3();
  for (const [key, content] of goodObjects) s3.objects.set(key, content);
  return s3;
}

/** Numbers from 0 to 1 that are the same in every run. */
const chances = (seed: number) => Array.from({ length: ROUNDS }, seededRandom(seed));

/** Calls `atByte` once, when the destination has taken so many bytes of a dump. */
function watched(
  destination: BackupDestination,
  offset: number,
  atByte: () => Promise<void>,
): BackupDestination {
  async function* counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const chunk of chunks) {
      if (bytes <= offset && bytes + chunk.length > offset) await atByte();
      bytes += chunk.length;
      yield chunk;
    }
  }
  return {
    ...destination,
    write: (name, chunks, signal) => destination.write(name, counted(chunks), signal),
  };
}

async function killPgDump(): Promise<void> {
  for (const pid of runningTools('pg_dump')) process.kill(pid, 'SIGKILL');
}

async function snapshotOf(s3: FakeS3): Promise<ReadonlyMap<string, string>> {
  return new Map([...s3.objects].map(([key, content]) => [key, content.toString('base64')]));
}

describe('pg_dump killed', () => {
  // What is in pipes and buffers already does not tell that pg_dump is gone before its time.
  test.each(chances(1).map((chance) => Math.floor(chance * 0.8 * 11 * MIB)))(
    'at byte %i ends in a typed error, publishes nothing and leaves the earlier backups alone',
    async (offset) => {
      await using s3 = await startS3WithBackup();
      const bucket = bucketOf(s3);
      const before = { s3: await snapshotOf(s3), folder: await contentsOf(ground.folder) };
      for (const destination of [bucket, ground.destination]) {
        const backups = ground.backups({
          encryptionKey: KEY,
          destination: watched(destination, offset, killPgDump),
        });
        expect(await failure(backups.run())).toMatchObject({ kind: 'backup-failed', step: 'dump' });
      }
      expect(await snapshotOf(s3)).toEqual(before.s3);
      expect(await contentsOf(ground.folder)).toEqual(before.folder);
      expect([...s3.uploads]).toEqual([]);
    },
  );
});

describe('an upload that fails', () => {
  test.each<[S3Operation, number, S3Fault]>([
    ['createUpload', 1, 'error'],
    ['createUpload', 1, 'lost'],
    ['createUpload', 1, 'hang'],
    ['uploadPart', 1, 'error'],
    ['uploadPart', 2, 'cut'],
    ['uploadPart', 2, 'hang'],
    ['uploadPart', 3, 'error'],
    ['completeUpload', 1, 'error'],
    ['completeUpload', 1, 'lost'],
    ['completeUpload', 1, 'cut'],
    ['put', 1, 'error'],
    ['put', 1, 'cut'],
    ['put', 1, 'lost'],
    ['put', 1, 'hang'],
    ['list', 1, 'error'],
  ])('in %s, from call %i on, by %s leaves no open upload and no object', async (operation, from, fault) => {
    await using s3 = await startS3WithBackup();
    // A short one where it is waited for; elsewhere a busy machine must not run into it.
    const destination = bucketOf(s3, fault === 'hang' ? { requestTimeoutMs: 1_500 } : {});
    const backups = ground.backups({ destination });
    const before = await snapshotOf(s3);
    s3.fault = (called, nth) => (called === operation && nth >= from ? fault : null);
    const step = operation === 'put' ? 'publish' : 'store';
    expect(await failure(backups.run())).toMatchObject({ kind: 'backup-failed', step, retryable: true });
    expect([...s3.uploads]).toEqual([]);
    // To the byte what was verified before.
    expect(await snapshotOf(s3)).toEqual(before);
    s3.fault = () => null;
    expect(await must(backups.list())).toHaveLength(1);
  });

  test('once in each of many requests is repeated, and the backup is whole', async () => {
    await using s3 = await startFakeS3();
    const destination = bucketOf(s3);
    const faults: S3Fault[] = ['error', 'cut'];
    s3.fault = (operation, nth) =>
      ['uploadPart', 'put', 'createUpload'].includes(operation) && nth % 2 === 1
        ? (faults[nth % 4 === 1 ? 0 : 1] ?? null)
        : null;
    const backups = ground.backups({ destination, encryptionKey: KEY });
    const { id } = await must(backups.run());
    s3.fault = () => null;
    await must(backups.verify(id));
    expect([...s3.uploads]).toEqual([]);
  });
});

describe('a process killed', () => {
  test.each(chances(2).map((chance) => Math.floor(chance * 11 * MIB)))(
    'at byte %i has published nothing, and the next run removes what it left',
    async (dieAtByte) => {
      await using s3 = await startS3WithBackup();
      const bucket = bucketOf(s3);
      for (const [to, destination] of [
        [{ endpoint: s3.endpoint }, bucket],
        [{ folder: ground.folder }, ground.destination],
      ] as const) {
        const backups = ground.backups({ destination });
        const before = await must(backups.list());
        const { url } = ground.database;
        const pgBinDirectory = inject('postgresBinDir') ?? null;
        expect(await worker.start({ to, url, pgBinDirectory, dieAtByte }).output).toBeNull();
        expect(await must(backups.list())).toEqual(before);

        // The server gives the lock of the dead back by itself.
        const next = await must(backups.run({ lockWaitMs: 30_000 }));
        expect(await must(backups.list())).toEqual([next, ...before]);
      }
      expect([...s3.uploads]).toEqual([]);
      const published = [...s3.objects.keys()];
      expect(published.filter((key) => key.endsWith('.dump'))).toHaveLength(2);
      expect(published).toHaveLength(4);
      expect((await ground.files()).filter((file) => file.endsWith('.partial'))).toEqual([]);
    },
  );
});

describe('a run of another database of the same name', () => {
  /** A database of that name on a server of its own. */
  async function startTwin(): Promise<AsyncDisposable & { readonly url: string }> {
    const server = await startPostgresServer();
    await queryOnce(server.url, `create database ${ground.database.name}`);
    return {
      url: withDatabase(server.url, ground.database.name),
      [Symbol.asyncDispose]: () => server.stop(),
    };
  }

  test.each([
    ['on the same server', () => createTestDatabase()],
    ['on another server', startTwin],
  ])('%s leaves what is being written alone', async (_where, open) => {
    await using other = await open();
    await using s3 = await startFakeS3();
    for (const destination of [bucketOf(s3), ground.destination]) {
      const others = ground.backups({ database: { url: other.url }, destination });
      // Part of the dump is at the destination, and then all of it, without a manifest.
      for (const at of ['mid-dump', 'unpublished']) {
        const ended: string[] = [];
        const runOther = async () => void ended.push((await must(others.run())).id);
        const watching: BackupDestination =
          at === 'mid-dump'
            ? watched(destination, 6 * MIB, runOther)
            : {
                ...destination,
                async write(name, chunks, signal) {
                  await destination.write(name, chunks, signal);
                  if (name.endsWith('.dump')) await runOther();
                },
              };
        const backups = ground.backups({ destination: watching });
        const { id } = await must(backups.run());
        expect(ended).toHaveLength(1);
        await must(ground.backups({ destination }).verify(id));
      }
    }
  });
});

describe('a connection lost', () => {
  test('in the middle of a dump ends it, and publishes nothing', async () => {
    const before = await ground.files();
    const backups = ground.backups({
      destination: watched(ground.destination, MIB, async () => {
        await ground.database.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'macro-store backup' and datname = current_database()`);
      }),
    });
    expect((await failure(backups.run())).kind).toMatch(/^(unavailable|backup-failed)$/);
    expect(await ground.files()).toEqual(before);
  });

  test('after the dump was stored publishes no manifest', async () => {
    const before = await ground.files();
    const destination: BackupDestination = {
      ...ground.destination,
      async write(name, chunks, signal) {
        await ground.destination.write(name, chunks, signal);
        if (!name.endsWith('.dump')) return;
        await ground.database.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'macro-store backup' and datname = current_database()`);
      },
    };
    expect(await failure(ground.backups({ destination }).run())).toMatchObject({ kind: 'unavailable' });
    expect(await ground.files()).toEqual(before);
  });
});

describe('a destination that lies', () => {
  test('and stops reading early is found out', async () => {
    const destination: BackupDestination = {
      ...ground.destination,
      async write(_name, chunks) {
        for await (const _chunk of chunks) return;
      },
    };
    expect(await failure(ground.backups({ destination }).run())).toMatchObject({
      kind: 'backup-failed',
      step: 'store',
    });
  });
});

describe('pg_dump', () => {
  test('gets its password by the environment, and not by an argument or a shell', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'macro-store-pg-'));
    const seen = join(folder, 'seen');
    const script = `#!/bin/sh
if [ "$1" = --version ]; then echo 'pg_dump (PostgreSQL) 99.1'; exit; fi
echo "$@" > ${seen}; env > ${seen}.env; exit 3
`;
    await writeFile(join(folder, 'pg_dump'), script);
    await chmod(join(folder, 'pg_dump'), 0o755);
    const url = new URL(ground.database.url);
    url.password = 'p $(touch x)';
    const error = await failure(
      ground.backups({ database: { url: url.href }, pgBinDirectory: folder }).run(),
    );
    expect(error).toMatchObject({ kind: 'backup-failed', step: 'dump' });
    expect(await readFile(`${seen}.env`, 'utf8')).toContain('PGPASSWORD=p $(touch x)\n');
    expect(await readFile(seen, 'utf8')).not.toContain('touch');
    await rm(folder, { recursive: true });
  });

  test('older than the server is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'macro-store-pg-'));
    await writeFile(join(folder, 'pg_dump'), "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n");
    await chmod(join(folder, 'pg_dump'), 0o755);
    expect(await failure(ground.backups({ pgBinDirectory: folder }).run())).toMatchObject({
      kind: 'backup-refused',
      reason: 'tool-too-old',
    });
    await rm(folder, { recursive: true });
  });
});

describe('thirty days of failing backups', () => {
  test('leave the last good one where it is', async () => {
    const DAY_MS = 86_400_000;
    await using s3 = await startFakeS3();
    let now = Date.parse('2026-01-01T03:00:00Z');
    const destination = bucketOf(s3);
    const backups = ground.backups({ destination, clock: () => now, retention: { keepDaily: 7 } });
    const turn = () => runScheduled(backups, new Date(now), { signal: new AbortController().signal });
    const good = await turn();
    if (good.type !== 'succeeded') throw new Error('the first backup has to work for the test to make sense');
    const before = await snapshotOf(s3);

    s3.fault = (operation) => (operation === 'createUpload' ? 'error' : null);
    for (let day = 1; day <= 30; day += 1) {
      now += DAY_MS;
      expect(await turn()).toMatchObject({ type: 'failed', step: 'run', error: { kind: 'backup-failed' } });
      // Somebody who prunes by hand all the while does no harm either.
      expect((await must(backups.prune())).deleted).toEqual([]);
    }
    expect(await snapshotOf(s3)).toEqual(before);
    expect(await must(backups.status())).toMatchObject({
      lastSuccessAt: new Date('2026-01-01T03:00:00Z'),
      lastFailure: { at: new Date(now), error: { kind: 'backup-failed' } },
    });
    s3.fault = () => null;
    await must(backups.verify(good.manifest.id));
  });
});

describe('the memory of a backup', () => {
  test('does not grow with the dump: 300 MB through encryption, checksum and multipart', async () => {
    await using s3 = await startFakeS3();
    s3.discardsParts = true;
    const syntheticBytes = 300 * MIB;
    const output = await worker.start({ to: { endpoint: s3.endpoint }, syntheticBytes }).output;
    if (output === null || !('maxRss' in output)) throw new Error('the worker died');
    expect(output.bytes).toBeGreaterThan(syntheticBytes);
    expect(s3.partBytes).toBe(output.bytes);
    expect(output.maxRss).toBeLessThan(150 * MIB);
    console.log(
      `300 MB: RSS ${Math.round(output.maxRss / MIB)} MiB, before ${Math.round(output.rssBefore / MIB)}`,
    );
  });
});
