import { expect, onTestFinished, test } from 'vitest';
import { dumpCatalog } from '../support/catalog-dump.js';
import { queryOnce } from '../support/database-admin.js';
import {
  collectEvents,
  HNSW_INDEX,
  isIndexValid,
  mustRun,
  run,
  seedVectors,
} from '../support/migration-runs.js';
import { startPostgresServer } from '../support/postgres-server.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

test('a server that crashes in the middle of an index build ends the run, and the next one finishes', async () => {
  const server = await startPostgresServer();
  onTestFinished(() => server.stop());
  const database: TestDatabase = {
    url: server.url,
    name: 'postgres',
    query: (sql, params) => queryOnce(server.url, sql, params),
    drop: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  await mustRun(server.url, { hnsw: 'skip' });
  await seedVectors(database, 6_000);
  const { onProgress, ofType } = collectEvents();
  const cut = run(server.url, { onProgress });
  await until('the index is being built', async () => {
    const rows = await database.query(
      "select from pg_stat_progress_create_index where phase like 'building%'",
    );
    return rows.length > 0;
  });
  await server.kill();
  expect((await cut)._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable', retryable: true });
  expect((await run(server.url))._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable', retryable: true });

  await server.restart();
  await mustRun(server.url, { onProgress });
  expect(ofType('index-repaired')).toMatchObject([{ index: HNSW_INDEX }]);
  expect(await isIndexValid(database, HNSW_INDEX)).toBe(true);
  await using clean = await createTestDatabase({ template: false });
  await mustRun(clean.url);
  expect(await dumpCatalog(database)).toEqual(await dumpCatalog(clean));
});
