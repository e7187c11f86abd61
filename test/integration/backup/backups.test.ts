import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import type { BackupManifest } from '../../../src/backup/manifest.js';
import { sealManifest } from '../../../src/backup/manifest-seal.js';
import { createMacroStore } from '../../../src/create-macro-store.js';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { type BackupGround, createBackupGround, flipByte, KEY, rewrite } from '../../support/backup-kit.js';
import { anEmbedding, aUser, failure, must } from '../../support/builders.js';
import { queryOnce, withDatabase } from '../../support/database-admin.js';
import { createTestDatabase } from '../../support/test-database.js';

let ground: BackupGround;
beforeAll(async () => {
  ground = await createBackupGround();
});
afterAll(() => ground[Symbol.asyncDispose]());

describe('backup.run', () => {
  test('publishes a dump and a manifest that tells all of it', async () => {
    const manifest = await must(ground.backups({ encryptionKey: KEY }).run());
    const stored = await readFile(join(ground.folder, manifest.file));
    expect(manifest).toMatchObject({
      format: 1,
      name: 'chat',
      bytes: stored.length,
      sha256: createHash('sha256').update(stored).digest('hex'),
      encrypted: true,
      versions: { library: packageJson.version },
      migrations: MIGRATIONS.filter(({ optional }) => optional !== 'hnsw').map(({ id }) => id),
      embedding: { column: 'vector', dimensions: 64 },
    });
    expect(manifest.tables).toContainEqual({ schema: 'public', name: 'chat_vectors', rows: 200 });
    expect(stored.includes('PGDMP')).toBe(false);
    expect(await ground.files()).toEqual([manifest.file, `${manifest.id}.manifest.json`]);
    expect(await must(ground.backups().list())).toEqual([manifest]);
  });

  test('counts rows in the snapshot of the dump, while others write', async () => {
    let isOver = false;
    const writing = (async () => {
      while (!isOver) await must(ground.store.users.create(aUser()));
    })();
    const backups = ground.backups();
    const manifest = await must(backups.run());
    isOver = true;
    await writing;
    // The counts of what was restored are those of the manifest, or it would say so.
    expect((await must(backups.verify(manifest.id))).manifest).toEqual(manifest);
  });

  test('names what to install where pg_dump is missing', async () => {
    const missing = await failure(ground.backups({ pgBinDirectory: '/nowhere' }).run());
    expect(missing).toMatchObject({ kind: 'backup-refused', reason: 'tool-missing' });
    expect(missing.message).toContain('postgresql-client-');
  });

  test('refuses to run beside another run of the same name, and waits for it when told to', async () => {
    const backups = ground.backups();
    const first = backups.run();
    const outcomes = await Promise.all([first, backups.run(), backups.run({ lockWaitMs: 60_000 })]);
    const refused = outcomes.filter((outcome) => outcome.isErr());
    expect(refused.length).toBeGreaterThanOrEqual(1);
    for (const outcome of refused) {
      expect(outcome._unsafeUnwrapErr()).toMatchObject({ kind: 'backup-refused', reason: 'running' });
    }
    expect(outcomes[2]?.isOk()).toBe(true);
  });

  test('is aborted by its signal, and leaves nothing', async () => {
    const before = await ground.files();
    const stop = new AbortController();
    const error = await failure(
      ground.backups().run({ signal: stop.signal, onProgress: () => stop.abort() }),
    );
    expect(error.kind).toBe('aborted');
    expect(await ground.files()).toEqual(before);
  });

  test('reports a database that is not there', async () => {
    const url = withDatabase(ground.database.url, 'no_such_database');
    expect(await failure(ground.backups({ database: { url } }).run())).toMatchObject({ kind: 'unavailable' });
  });
});

describe('backup.verify', () => {
  test('accepts a good backup and drops its scratch database', async () => {
    const backups = ground.backups({ encryptionKey: KEY });
    const { id } = await must(backups.run());
    const events: string[] = [];
    await must(backups.verify('latest', { onProgress: ({ type }) => events.push(type) }));
    expect((await must(backups.verify(id))).manifest.id).toBe(id);
    expect([...new Set(events)]).toEqual(['checking', 'restoring', 'comparing']);
    expect(await ground.scratchDatabases()).toEqual([]);
  });

  test.each([
    ['one flipped byte', 'checksum', flipByte(5_000)],
    ['a truncated file', 'checksum', (content: Buffer) => content.subarray(0, -1)],
  ] as const)('finds %s by its %s', async (_name, part, change) => {
    const backups = ground.backups();
    const { id, file } = await must(backups.run());
    await rewrite(join(ground.folder, file), change);
    expect(await failure(backups.verify(id))).toMatchObject({ kind: 'backup-damaged', part });
    await expectRestoreFails(id, { kind: 'backup-damaged', part });
  });

  test.each([
    ['encrypted', KEY, 'decryption'],
    ['plain', undefined, 'restore'],
  ] as const)(
    'finds a flipped byte of an %s backup whose manifest was written anew by who holds the key',
    async (_name, encryptionKey, part) => {
      const backups = ground.backups(encryptionKey === undefined ? {} : { encryptionKey });
      const { id, file, bytes } = await must(backups.run());
      await rewrite(join(ground.folder, file), flipByte(Math.floor(bytes * 0.6)));
      await forge(id, async (manifest) => {
        const content = await readFile(join(ground.folder, file));
        manifest['sha256'] = createHash('sha256').update(content).digest('hex');
        Object.assign(manifest, sealManifest(manifest as unknown as BackupManifest, encryptionKey ?? null));
      });
      expect(await failure(backups.verify(id))).toMatchObject({ kind: 'backup-damaged', part });
      expect(await ground.scratchDatabases()).toEqual([]);
    },
  );

  test('tells a wrong key and a missing one', async () => {
    const { id } = await must(ground.backups({ encryptionKey: KEY }).run());
    expect(await failure(ground.backups({ encryptionKey: Buffer.alloc(32, 8) }).verify(id))).toMatchObject({
      kind: 'backup-damaged',
      part: 'manifest',
    });
    expect(await failure(ground.backups().verify(id))).toMatchObject({
      kind: 'backup-refused',
      reason: 'key-missing',
    });
  });

  test.each([
    [
      'counts',
      (manifest: Record<string, unknown>) => {
        manifest['tables'] = [{ schema: 'public', name: 'users', rows: 1_000_000 }];
      },
    ],
    ['indexes', (manifest: Record<string, unknown>) => Object.assign(manifest, { indexes: 1_000 })],
    ['constraints', (manifest: Record<string, unknown>) => Object.assign(manifest, { constraints: 1_000 })],
  ] as const)('finds %s that differ from the manifest', async (part, change) => {
    const backups = ground.backups();
    const { id } = await must(backups.run());
    await forge(id, change);
    expect(await failure(backups.verify(id))).toMatchObject({ kind: 'backup-damaged', part });
  });

  test('says that there is no such backup', async () => {
    expect(await failure(ground.backups().verify('nothing'))).toMatchObject({
      kind: 'not-found',
      entity: 'backup',
    });
  });

  async function forge(id: string, change: (manifest: Record<string, unknown>) => unknown): Promise<void> {
    const path = join(ground.folder, `${id}.manifest.json`);
    const manifest = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    await change(manifest);
    await rewrite(path, () => Buffer.from(JSON.stringify(manifest)));
  }
});

async function expectRestoreFails(id: string, expected: object): Promise<void> {
  await using target = await createTestDatabase({ template: false });
  expect(await failure(ground.backups().restore(id, { url: target.url }))).toMatchObject(expected);
  expect(await target.query("select from pg_class where relnamespace = 'public'::regnamespace")).toEqual([]);
}

describe('backup.restore', () => {
  test('gives a database that answers the same searches with the same results', async () => {
    const backups = ground.backups({ encryptionKey: KEY });
    await must(backups.run());
    const url = withDatabase(ground.database.url, `${ground.database.name}_restored`);
    await must(backups.restore('latest', { url }));
    const restored = createMacroStore({ database: { url }, embedding: { dimensions: 64 } });
    try {
      let found = 0;
      for (let question = 1_000; question < 1_050; question += 1) {
        const embedding = anEmbedding(question, 64);
        const options = { threshold: 0, limit: 10 };
        const expected = await must(
          ground.store.vectorSearch.semanticSearch(embedding, ground.userId, options),
        );
        const actual = await must(restored.vectorSearch.semanticSearch(embedding, ground.userId, options));
        expect(actual).toEqual(expected);
        found += actual.length;
      }
      expect(found).toBe(500);
      expect((await must(restored.migrationStatus())).pending).toEqual(
        (await must(ground.store.migrationStatus())).pending,
      );
    } finally {
      await restored.close();
      await queryOnce(inject('postgresUrl'), `drop database "${ground.database.name}_restored" with (force)`);
    }
  });

  test('refuses a database that has tables, and changes nothing beside them', async () => {
    const backups = ground.backups();
    const { id } = await must(backups.run());
    await using target = await createTestDatabase({ template: false });
    await target.query('create table users (mine text)');
    expect(await failure(backups.restore(id, { url: target.url }))).toMatchObject({
      kind: 'backup-refused',
      reason: 'not-empty',
    });
    // The name is taken: all or nothing.
    expect(await failure(backups.restore(id, { url: target.url, allowNonEmpty: true }))).toMatchObject({
      kind: 'backup-failed',
      step: 'restore',
    });
    expect(
      await target.query("select relname from pg_class where relnamespace = 'public'::regnamespace"),
    ).toEqual([{ relname: 'users' }]);
    await target.query('alter table users rename to other');
    await must(backups.restore(id, { url: target.url, allowNonEmpty: true }));
  });

  test('refuses a target that is no database', async () => {
    const error = await failure(ground.backups().restore('latest', { url: 'http://localhost/chat' }));
    expect(error).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'url' }] });
  });
});
