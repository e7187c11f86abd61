import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from '../../../src/migrations/index.js';
import {
  collectEvents,
  HNSW_INDEX,
  isIndexValid,
  leaveHnswOut,
  mustRun,
  run,
  SMALL,
  seedVectors,
} from '../../support/migration-runs.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

describe('an index build over existing rows', { timeout: 60_000 }, () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase({ template: false });
    await mustRun(database.url, { hnsw: 'skip' });
    await seedVectors(database, 8_000);
  });
  afterAll(() => database.drop());
  beforeEach(() => leaveHnswOut(database));

  /** The build goes on in this session of the server. */
  const builder = () =>
    until('the index is being built', async () => {
      const [row] = await database.query<{ pid: number }>(
        "select pid from pg_stat_progress_create_index where datname = current_database() and phase like 'building%'",
      );
      return row?.pid;
    });

  test('reports its phases and how far it is', async () => {
    const progress = collectEvents();
    await mustRun(database.url, progress);
    const builds = progress.ofType('index-build');
    expect(builds.length).toBeGreaterThan(0);
    expect(builds).toContainEqual({
      type: 'index-build',
      migrationId: expect.stringContaining('hnsw'),
      index: HNSW_INDEX,
      phase: expect.stringMatching(/^building index/),
      percent: expect.any(Number),
    });
    for (const { percent } of builds) {
      if (percent === null) continue;
      expect(percent).toBeGreaterThan(0);
      expect(percent).toBeLessThanOrEqual(100);
    }
  });

  test('is done over a borrowed pool of one client whose queries have a time limit, and reports its progress', async () => {
    await database.query(`alter database ${database.name} set statement_timeout = '300ms'`);
    const pool = new pg.Pool({ connectionString: database.url, max: 1, query_timeout: 300 });
    try {
      const progress = collectEvents();
      const result = await migrate({ pool, embedding: SMALL, ...progress });
      expect(result._unsafeUnwrap().applied).toHaveLength(1);
      expect(progress.ofType('index-build').length).toBeGreaterThan(0);
      // The client that was taken is thrown away; the pool works on, with its own settings.
      expect((await pool.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '300ms' }]);
    } finally {
      await pool.end();
      await database.query(`alter database ${database.name} reset statement_timeout`);
    }
    expect(await isIndexValid(database, HNSW_INDEX)).toBe(true);
  });

  test('ends with what onProgress threw, after the index is done, and the next run takes it', async () => {
    const failed = await run(database.url, {
      onProgress: ({ type }) => {
        if (type === 'index-build') throw new Error('no more');
      },
    });
    expect(failed._unsafeUnwrapErr().kind).toBe('callback-threw');
    expect(await isIndexValid(database, HNSW_INDEX)).toBe(true);
    const progress = collectEvents();
    expect((await mustRun(database.url, progress)).applied).toHaveLength(1);
    expect(progress.ofType('index-repaired')).toEqual([]);
  });

  test('that is cut off by the server leaves an invalid index, which the next run repairs', async () => {
    const cut = run(database.url);
    await database.query('select pg_terminate_backend($1)', [await builder()]);
    expect((await cut)._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable', retryable: true });
    expect(await isIndexValid(database, HNSW_INDEX)).toBe(false);

    const progress = collectEvents();
    await mustRun(database.url, progress);
    expect(progress.ofType('index-repaired')).toMatchObject([{ index: HNSW_INDEX }]);
    expect(await isIndexValid(database, HNSW_INDEX)).toBe(true);
  });

  test('that was cut off leaves nothing behind when the next run leaves the index out', async () => {
    const cut = run(database.url);
    await database.query('select pg_cancel_backend($1)', [await builder()]);
    expect((await cut)._unsafeUnwrapErr()).toMatchObject({ kind: 'migration-failed', sqlState: '57014' });
    expect(await isIndexValid(database, HNSW_INDEX)).toBe(false);

    expect((await mustRun(database.url, { hnsw: 'skip' })).skipped).toHaveLength(1);
    expect(await isIndexValid(database, HNSW_INDEX)).toBeNull();
  });
});
