import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { directoryDestination } from '../../../src/backup/directory-destination.js';
import { s3Destination } from '../../../src/backup/s3-destination.js';
import { backupDestinationContract } from '../../contract/backup-destination.js';
import { startFakeS3 } from '../../support/fake-s3.js';
import { startS3rver } from '../../support/s3rver-server.js';

const PART = { partBytes: 5 * 1024 * 1024 };

backupDestinationContract('a directory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'macro-store-destination-'));
  return {
    destination: directoryDestination(join(folder, 'not', 'there', 'yet')),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
});

backupDestinationContract('s3rver', async () => {
  const server = await startS3rver();
  return {
    destination: s3Destination({ client: server.client, bucket: 'backups', prefix: 'chat/', ...PART }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

backupDestinationContract('the S3 of the fault tests', async () => {
  const s3 = await startFakeS3();
  return {
    destination: s3Destination({ client: s3.client, bucket: 'backups', prefix: 'chat/', ...PART }),
    [Symbol.asyncDispose]: () => s3[Symbol.asyncDispose](),
  };
});

test('directoryDestination discards the partial files of a name only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'macro-store-destination-'));
  const destination = directoryDestination(folder);
  await writeFile(join(folder, 'a--1.dump.partial'), 'x');
  await writeFile(join(folder, 'b--1.dump.partial'), 'x');
  expect(await destination.list('')).toEqual([]);
  await destination.discardUnfinished('a--');
  await expect(writeFile(join(folder, 'a--1.dump.partial'), 'x', { flag: 'wx' })).resolves.toBeUndefined();
  await expect(writeFile(join(folder, 'b--1.dump.partial'), 'x', { flag: 'wx' })).rejects.toThrow();
  await rm(folder, { recursive: true });
});

test('s3Destination discards the open uploads of a name below its prefix only', async () => {
  await using s3 = await startFakeS3();
  const destination = s3Destination({ client: s3.client, bucket: 'backups', prefix: 'chat/' });
  s3.uploads.set('1', 'chat/a--1.dump');
  s3.uploads.set('2', 'chat/b--1.dump');
  s3.uploads.set('3', 'other/a--1.dump');
  await destination.discardUnfinished('a--');
  expect([...s3.uploads.keys()]).toEqual(['2', '3']);
});

test('s3Destination refuses parts that S3 would refuse', () => {
  const client = { send: () => Promise.reject(new Error('not sent')) };
  expect(() => s3Destination({ client, bucket: 'b', partBytes: 1_000 })).toThrow(RangeError);
  expect(() => s3Destination({ client, bucket: 'b', partsInFlight: 0 })).toThrow(RangeError);
});
