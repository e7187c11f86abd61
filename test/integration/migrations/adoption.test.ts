import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as drizzleMigrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { migrate, plan } from '../../../src/migrations/index.js';
import { dumpAll, dumpCatalog, dumpLedger } from '../../support/catalog-dump.js';
import { collectEvents } from '../../support/migration-runs.js';
import { createTestDatabase } from '../../support/test-database.js';

const FOLDER = fileURLToPath(new URL('../../../migrations', import.meta.url));
const ALL = MIGRATIONS.map(({ id }) => id);
/** Drizzle runs everything in one transaction, where no index can be built concurrently. */
const firstAlone = MIGRATIONS.findIndex(({ isTransactional }) => !isTransactional);
const PREFIX = ALL.slice(0, firstAlone);

interface Journal {
  entries: { tag: string }[];
}

/** Drizzle's own migrator on our files, with the journal cut to the ids that `keep` names. */
async function migrateByDrizzle(url: string, keep: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'macro-store-journal-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(FOLDER, folder, { recursive: true });
  const file = join(folder, 'meta', '_journal.json');
  const journal = JSON.parse(await readFile(file, 'utf8')) as Journal;
  const entries = journal.entries.filter(({ tag }) => keep.includes(tag));
  await writeFile(file, JSON.stringify({ ...journal, entries }));
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  try {
    await drizzleMigrate(drizzle(pool), { migrationsFolder: folder });
  } finally {
    await pool.end();
  }
}

describe('migrate on a database that drizzle has migrated', () => {
  test('takes over what is applied, applies the rest, and ends where a clean run ends', async () => {
    await using database = await createTestDatabase({ template: false });
    await using clean = await createTestDatabase({ template: false });
    await migrateByDrizzle(database.url, PREFIX);
    const rest = ALL.slice(firstAlone);

    const planned = (await plan({ url: database.url }))._unsafeUnwrap();
    expect([planned.adopted, planned.pending.map(({ id }) => id)]).toEqual([PREFIX, rest]);

    const progress = collectEvents();
    const report = (await migrate({ url: database.url, ...progress }))._unsafeUnwrap();
    expect(report).toEqual({ applied: rest, adopted: PREFIX, skipped: [] });
    expect(progress.ofType('adopted')).toEqual([{ type: 'adopted', migrationIds: PREFIX }]);

    (await migrate({ url: clean.url }))._unsafeUnwrap();
    expect(await dumpCatalog(database)).toEqual(await dumpCatalog(clean));
    expect(await dumpLedger(database)).toMatchObject(
      ALL.map((id) => ({ id, state: 'done', is_adopted: PREFIX.includes(id) })),
    );
  });

  test('refuses a journal that leaves one out, and a shape that is not the configured one, and changes nothing', async () => {
    await using database = await createTestDatabase({ template: false });
    await database.query('create extension vector');
    await migrateByDrizzle(database.url, PREFIX.slice(1));
    const before = await dumpAll(database);
    expect((await migrate({ url: database.url }))._unsafeUnwrapErr()).toMatchObject({
      kind: 'migration-out-of-order',
      migrationIds: PREFIX.slice(0, 1),
    });
    const otherShape = await migrate({ url: database.url, embedding: { dimensions: 384 } });
    expect(otherShape._unsafeUnwrapErr().kind).toBe('dimension-mismatch');
    expect(await dumpAll(database)).toEqual(before);
  });
});
