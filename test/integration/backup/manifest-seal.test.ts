import { createHash } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BackupManifest } from '../../../src/backup/manifest.js';
import { type BackupGround, createBackupGround, KEY, rewrite } from '../../support/backup-kit.js';
import { failure, must } from '../../support/builders.js';
import { withDatabase } from '../../support/database-admin.js';

let ground: BackupGround;
let manifest: BackupManifest;
let pathOfManifest: string;
beforeAll(async () => {
  ground = await createBackupGround({ vectors: 20 });
});
afterAll(() => ground[Symbol.asyncDispose]());
beforeEach(async () => {
  manifest = await must(ground.backups({ encryptionKey: KEY }).run());
  pathOfManifest = join(ground.folder, `${manifest.id}.manifest.json`);
});

const edit = (change: Partial<BackupManifest>) =>
  rewrite(pathOfManifest, () => Buffer.from(JSON.stringify({ ...manifest, ...change })));

/** An unencrypted dump in the place of ours. */
async function putPlainDump(): Promise<Partial<BackupManifest>> {
  const plain = await must(ground.backups({ name: 'other' }).run());
  await copyFile(join(ground.folder, plain.file), join(ground.folder, manifest.file));
  const { bytes, sha256, encrypted, tables } = plain;
  return { bytes, sha256, encrypted, tables };
}

const forgeries: Record<string, () => Promise<Partial<BackupManifest>> | Partial<BackupManifest>> = {
  'other counts': () => ({ tables: manifest.tables.map((table) => ({ ...table, rows: 0 })) }),
  'no tables': () => ({ tables: [] }),
  'another time': () => ({ createdAt: '2099-01-01T00:00:00.000Z' }),
  'a checksum that fits a changed file': async () => {
    await rewrite(join(ground.folder, manifest.file), (content) => content.subarray(0, -1));
    const content = await readFile(join(ground.folder, manifest.file));
    return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  },
  'no code': () => ({ hmac: null }),
  'the code of another backup': async () => ({
    hmac: (await must(ground.backups({ encryptionKey: KEY }).run())).hmac,
  }),
  'a dump that is not encrypted': async () => ({ ...(await putPlainDump()), encrypted: false }),
  'a dump that is not encrypted, and no code': async () => ({ ...(await putPlainDump()), hmac: null }),
};

describe('the manifest of an encrypted backup', () => {
  test.each(Object.entries(forgeries))('edited to have %s is found out', async (_what, change) => {
    await edit(await change());
    const warnings: unknown[] = [];
    const logger = { info: () => undefined, warn: (...line: unknown[]) => void warnings.push(line) };
    const backups = ground.backups({ encryptionKey: KEY, logger });
    const url = withDatabase(ground.database.url, `${ground.database.name}_never_made`);
    const damaged = { kind: 'backup-damaged', part: 'manifest' };
    expect(await failure(backups.verify(manifest.id))).toMatchObject(damaged);
    expect(await failure(backups.restore(manifest.id, { url }))).toMatchObject(damaged);
    warnings.length = 0;
    // One that was changed neither counts as a backup, nor is it deleted, nor does it hide the others.
    expect((await must(backups.list())).map(({ id }) => id)).not.toContain(manifest.id);
    expect(warnings).toContainEqual(['backup.unsealed-manifest', { file: `${manifest.id}.manifest.json` }]);
    expect((await must(backups.prune({ dryRun: true }))).deleted).not.toContain(manifest.id);
  });

  test('that is only written in another way is the same', async () => {
    const reversed = Object.fromEntries(Object.entries(manifest).reverse());
    await rewrite(pathOfManifest, () => Buffer.from(JSON.stringify(reversed, null, 7)));
    await must(ground.backups({ encryptionKey: KEY }).verify(manifest.id));
  });

  test('is checked where the latest is asked for, so that a forged one is not passed over for an older', async () => {
    await edit({ tables: [] });
    expect(await failure(ground.backups({ encryptionKey: KEY }).verify('latest'))).toMatchObject({
      kind: 'backup-damaged',
      part: 'manifest',
    });
  });

  test.each([
    ['of another backup', async () => (await must(ground.backups().run())).file],
    ['outside of the destination', () => '../somewhere.dump'],
  ])('that names the file %s is found out without a key too', async (_which, fileOf) => {
    const plain = await must(ground.backups().run());
    const file = await fileOf();
    await rewrite(join(ground.folder, `${plain.id}.manifest.json`), () =>
      Buffer.from(JSON.stringify({ ...plain, file })),
    );
    const read: string[] = [];
    const backups = ground.backups({
      destination: {
        ...ground.destination,
        read: (name, signal) => {
          read.push(name);
          return ground.destination.read(name, signal);
        },
      },
    });
    const url = withDatabase(ground.database.url, `${ground.database.name}_never_made`);
    const damaged = { kind: 'backup-damaged', part: 'manifest' };
    expect(await failure(backups.verify(plain.id))).toMatchObject(damaged);
    expect(await failure(backups.restore(plain.id, { url }))).toMatchObject(damaged);
    expect((await must(backups.list())).map(({ id }) => id)).not.toContain(plain.id);
    expect(read).not.toContain(file);
  });

  test('is not checked without the key, and the backup is then not read either', async () => {
    await edit({ hmac: null });
    const backups = ground.backups();
    expect((await must(backups.list())).map(({ id }) => id)).toContain(manifest.id);
    expect(await failure(backups.verify(manifest.id))).toMatchObject({ reason: 'key-missing' });
  });
});
