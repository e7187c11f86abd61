import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../src/migrations/bundled.js';
import { dumpCatalog, dumpLedger } from '../support/catalog-dump.js';
import { HNSW_INDEX, isIndexValid, mustRun, SMALL, seedVectors } from '../support/migration-runs.js';
import type { WorkerInput } from '../support/migration-worker.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { buildMigrationWorker, startTogether } from '../support/worker-process.js';

const PROCESSES = 16;
const ALL = MIGRATIONS.map(({ id }) => id);

describe(`${PROCESSES} processes that migrate at once`, { timeout: 60_000 }, () => {
  let worker: Awaited<ReturnType<typeof buildMigrationWorker>>;
  beforeAll(async () => {
    worker = await buildMigrationWorker();
  });
  afterAll(() => worker.remove());

  /** The ids that all of them applied, in one list. Every one of them must succeed. */
  async function migrateTogether({ url }: TestDatabase, extra: NonNullable<WorkerInput['extra']> = []) {
    const input = { url, embedding: SMALL, extra, waitsForGo: true };
    const outputs = await startTogether(PROCESSES, () => worker.start(input));
    expect(outputs.map((output) => output?.error)).toEqual(Array.from({ length: PROCESSES }, () => null));
    return outputs.flatMap((output) => output?.applied ?? []);
  }

  test('all succeed on an empty database, and each migration is applied once', async () => {
    await using database = await createTestDatabase({ template: false });
    await using clean = await createTestDatabase({ template: false });
    expect((await migrateTogether(database)).sort()).toEqual(ALL);
    expect(await dumpLedger(database)).toMatchObject(ALL.map((id) => ({ id, state: 'done' })));
    await mustRun(clean.url);
    expect(await dumpCatalog(database)).toEqual(await dumpCatalog(clean));
  });

  test('apply a migration that counts once', async () => {
    await using database = await createTestDatabase({ template: false });
    await database.query('create table counter as select 0 as n');
    const count = ['9000_count', 'update counter set n = n + 1;'] as const;
    expect((await migrateTogether(database, [count])).sort()).toEqual([...ALL, '9000_count']);
    expect(await database.query('select n from counter')).toEqual([{ n: 1 }]);
  });

  test('build an index over existing rows without a deadlock, once, and valid', async () => {
    await using database = await createTestDatabase({ template: false });
    await mustRun(database.url, { hnsw: 'skip' });
    await seedVectors(database, 8_000);
    expect(await migrateTogether(database)).toEqual(ALL.filter((id) => id.includes('hnsw')));
    expect(await isIndexValid(database, HNSW_INDEX)).toBe(true);
    const [stats] = await database.query<{ deadlocks: number }>(
      'select deadlocks::int from pg_stat_database where datname = current_database()',
    );
    expect(stats).toEqual({ deadlocks: 0 });
  });
});
