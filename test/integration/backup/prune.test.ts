import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackupDestination } from '../../../src/backup/backup-destination.js';
import type { BackupsConfig } from '../../../src/backup/backups.js';
import { directoryDestination } from '../../../src/backup/directory-destination.js';
import {
  type BackupManifest,
  dataFile,
  manifestFile,
  newBackupId,
  originPrefix,
} from '../../../src/backup/manifest.js';
import { s3Destination } from '../../../src/backup/s3-destination.js';
import { type BackupGround, createBackupGround } from '../../support/backup-kit.js';
import { failure, must } from '../../support/builders.js';
import { startS3rver } from '../../support/s3rver-server.js';

const DAY_MS = 86_400_000;
const NEWEST = Date.parse('2026-03-31T03:00:00.000Z'); // a Tuesday
const UNINTERRUPTED = new AbortController().signal;

let ground: BackupGround;
let real: { readonly manifest: BackupManifest; readonly dump: Buffer };
beforeAll(async () => {
  ground = await createBackupGround({ vectors: 20 });
  const manifest = await must(ground.backups().run());
  real = { manifest, dump: await readFile(join(ground.folder, manifest.file)) };
});
afterAll(() => ground[Symbol.asyncDispose]());

const places: Record<string, () => Promise<AsyncDisposable & { readonly destination: BackupDestination }>> = {
  'a directory': async () => {
    const folder = await mkdtemp(join(tmpdir(), 'macro-store-prune-'));
    return {
      destination: directoryDestination(folder),
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    };
  },
  s3rver: async () => {
    const server = await startS3rver();
    return {
      destination: s3Destination({ client: server.client, bucket: 'backups', prefix: 'chat/' }),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};

async function* only(content: string | Buffer): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}

/** The same backup again, as if it were of `daysAgo`; complete and valid. Gives its id. */
async function store(destination: BackupDestination, daysAgo: number, name = 'chat'): Promise<string> {
  const createdAt = new Date(NEWEST - daysAgo * DAY_MS);
  const [, origin = ''] = /^chat--([0-9a-f]{8})-/.exec(real.manifest.id) ?? [];
  const id = newBackupId(originPrefix(name, origin), createdAt, daysAgo.toString(16).padStart(8, '0'));
  const manifest = { ...real.manifest, id, name, createdAt: createdAt.toISOString(), file: dataFile(id) };
  await destination.write(dataFile(id), only(real.dump), UNINTERRUPTED);
  await destination.write(manifestFile(id), only(JSON.stringify(manifest)), UNINTERRUPTED);
  return id;
}

const namesAt = async (destination: BackupDestination) =>
  (await destination.list('')).map(({ name }) => name).sort();

describe.each(Object.entries(places))('backups.prune at %s', (_place, open) => {
  const backupsAt = (destination: BackupDestination, with_: Partial<BackupsConfig> = {}) =>
    ground.backups({ destination, clock: () => NEWEST + DAY_MS, ...with_ });

  test('deletes what no rule keeps, and nothing that is not its own', async () => {
    await using place = await open();
    const { destination } = place;
    const idOf = new Map<number, string>();
    for (let daysAgo = 0; daysAgo < 40; daysAgo += 1) idOf.set(daysAgo, await store(destination, daysAgo));
    await store(destination, 39, 'chat-two');
    const foreign = ['chat--mine.dump', 'chat--notes.txt', 'chat--odd.manifest.json', 'other.dump'];
    for (const name of foreign) await destination.write(name, only('not ours'), UNINTERRUPTED);
    const others = (await namesAt(destination)).filter((name) => !/^chat--[0-9a-f]{8}-\d/.test(name));

    const retention = { keepDaily: 3, keepWeekly: 2, keepMonthly: 2, minKeep: 2 };
    const backups = backupsAt(destination, { retention });
    const dry = await must(backups.prune({ dryRun: true }));
    expect(await must(backups.list())).toHaveLength(40);
    const report = await must(backups.prune());
    expect(report).toEqual(dry);
    // Three days; the weeks of Monday 30 and 23 March, whose newest are of 31 and 29; March and 28 February.
    const kept = [0, 1, 2, 31].map((daysAgo) => idOf.get(daysAgo) ?? '');
    expect(report.kept).toEqual(kept);
    expect(report.deleted).toHaveLength(36);
    expect(await namesAt(destination)).toEqual(
      [...others, ...kept.flatMap((id) => [dataFile(id), manifestFile(id)])].sort(),
    );
    await must(backups.verify(kept[3] ?? ''));

    // The next run clears up after dead ones, and leaves what is somebody else's too.
    const { id } = await must(backups.run());
    expect(await namesAt(destination)).toEqual(
      [...others, ...[...kept, id].flatMap((one) => [dataFile(one), manifestFile(one)])].sort(),
    );
  });

  test('never goes below minKeep, however old they are', async () => {
    await using place = await open();
    const { destination } = place;
    for (const daysAgo of [400, 401, 402, 403]) await store(destination, daysAgo);
    const retention = { keepDaily: 0, keepWeekly: 0, keepMonthly: 0, minKeep: 3 };
    const backups = backupsAt(destination, { retention });
    expect((await must(backups.prune())).deleted).toHaveLength(1);
    expect((await must(backups.prune())).deleted).toEqual([]);
    expect(await must(backups.list())).toHaveLength(3);
  });

  test('that fails in the middle leaves every listed backup whole, and the next one finishes', async () => {
    await using place = await open();
    const { destination } = place;
    for (let daysAgo = 0; daysAgo < 4; daysAgo += 1) await store(destination, daysAgo);
    const retention = { keepDaily: 0, keepWeekly: 0, keepMonthly: 0, minKeep: 1 };
    // Each of the six deletions fails once: those of manifests, and those of dumps after their manifest's.
    for (let round = 0; round < 6; round += 1) {
      let deletions = 0;
      const broken: BackupDestination = {
        ...destination,
        delete: (name) => {
          deletions += 1;
          return deletions > round % 2 ? Promise.reject(new Error('cut off')) : destination.delete(name);
        },
      };
      const error = await failure(backupsAt(broken, { retention }).prune());
      expect(error).toMatchObject({ kind: 'backup-failed', step: 'delete' });
      const sizes = new Map((await destination.list('')).map(({ name, bytes }) => [name, bytes]));
      for (const { file, bytes } of await must(backupsAt(destination).list())) {
        expect(sizes.get(file)).toBe(bytes);
      }
    }
    const backups = backupsAt(destination, { retention });
    await must(backups.prune());
    const { id } = await must(backups.run()); // which also removes dumps that lost their manifest
    const newest = (await must(backups.list())).map((manifest) => manifest.id);
    expect(newest[0]).toBe(id);
    expect(await namesAt(destination)).toEqual(
      newest.flatMap((one) => [dataFile(one), manifestFile(one)]).sort(),
    );
  });

  test('beside a listing is no error of the listing', async () => {
    await using place = await open();
    const { destination } = place;
    const [newest] = [await store(destination, 0), await store(destination, 1)];
    const retention = { keepDaily: 0, keepWeekly: 0, keepMonthly: 0, minKeep: 1 };
    let isPruned = false;
    const pruningMeanwhile: BackupDestination = {
      ...destination,
      async *read(name, signal) {
        if (!isPruned) {
          isPruned = true;
          await must(backupsAt(destination, { retention }).prune());
        }
        yield* destination.read(name, signal);
      },
    };
    const listed = await must(backupsAt(pruningMeanwhile).list());
    expect(listed.map(({ id }) => id)).toEqual([newest]);
  });
});
