import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../src/migrations/bundled.js';
import { dumpCatalog, dumpLedger } from '../support/catalog-dump.js';
import {
  collectEvents,
  HNSW_INDEX,
  isIndexValid,
  mustRun,
  run,
  SMALL,
  seedVectors,
} from '../support/migration-runs.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { buildMigrationWorker } from '../support/worker-process.js';

const ALL = MIGRATIONS.map(({ id }) => id);

// What a clean run reports: connected, locked and ledger-ready; of each migration its start, its statements
// and its end; finished. Each of them is a boundary.
const BOUNDARIES =
  4 + MIGRATIONS.reduce((sum, it) => sum + 2 + (it.isTransactional ? it.statements.length : 2), 0);

describe('a runner that is killed', { timeout: 60_000 }, () => {
  let worker: Awaited<ReturnType<typeof buildMigrationWorker>>;
  let clean: Record<string, string>;
  beforeAll(async () => {
    worker = await buildMigrationWorker();
    await using database = await createTestDatabase({ template: false });
    const { events, onProgress } = collectEvents();
    await mustRun(database.url, { onProgress });
    expect(events).toHaveLength(BOUNDARIES);
    clean = await dumpCatalog(database);
  });
  afterAll(() => worker.remove());

  async function expectClean(database: TestDatabase): Promise<void> {
    expect(await dumpCatalog(database)).toEqual(clean);
    expect(await dumpLedger(database)).toMatchObject(ALL.map((id) => ({ id, state: 'done' })));
  }

  /** The boundaries `first`, `first + step`, …: so that several lanes share them. */
  async function killAtEach(first: number, step: number): Promise<void> {
    for (let event = first; event <= BOUNDARIES; event += step) {
      await using database = await createTestDatabase({ template: false });
      const { process, output } = worker.start({ url: database.url, embedding: SMALL, dieAtEvent: event });
      await output;
      expect(process.signalCode, `at event ${event}`).toBe('SIGKILL');
      await mustRun(database.url);
      await expectClean(database);
    }
  }

  test(`at each of its ${BOUNDARIES} steps leaves what the next run finishes`, async () => {
    expect(BOUNDARIES).toBeGreaterThanOrEqual(20);
    await Promise.all([1, 2, 3].map((lane) => killAtEach(lane, 3)));
  }, 120_000);

  test('in the middle of an index build is noticed by the server, which gives the lock to the next run', async () => {
    await using database = await createTestDatabase({ template: false });
    await mustRun(database.url, { hnsw: 'skip' });
    // Holds the build up for as long as the test likes.
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query('begin; lock table chat_vectors in row exclusive mode');
      const { process, output } = worker.start({ url: database.url, embedding: SMALL });
      await until('the build waits for the writer', async () => {
        const rows = await database.query(
          `select from pg_stat_progress_create_index
           where datname = current_database() and phase like 'waiting%'`,
        );
        return rows.length > 0;
      });
      process.kill('SIGKILL');
      await output;
      const { onProgress, ofType } = collectEvents();
      const next = run(database.url, { onProgress });
      await until('the next run has the lock', () => ofType('locked').length > 0);
      await client.query('commit');
      expect((await next).isOk()).toBe(true);
    } finally {
      await client.end();
    }
    await expectClean(database);
  });

  test('in the middle of an index build, several times over, leaves what the next run finishes', async () => {
    await using database = await createTestDatabase({ template: false });
    await mustRun(database.url, { hnsw: 'skip' });
    await seedVectors(database, 8_000);
    let lastBuilder = 0;
    for (const tuples of [
      0,
      1 + Math.floor(Math.random() * 1_000),
      1_000 + Math.floor(Math.random() * 4_000),
    ]) {
      const { process, output } = worker.start({ url: database.url, embedding: SMALL });
      // The server may still be at the build of the one killed before.
      lastBuilder = await until(`${tuples} rows are in a new index`, async () => {
        const [row] = await database.query<{ pid: number }>(
          `select pid from pg_stat_progress_create_index
           where datname = current_database() and pid <> $1 and tuples_done >= $2 and phase like 'building%'`,
          [lastBuilder, tuples],
        );
        return row?.pid;
      });
      process.kill('SIGKILL');
      expect(await output).toBeNull();
      // A build that is done before the server notices would leave the next one nothing to do.
      await database.query('select pg_terminate_backend($1)', [lastBuilder]);
    }
    const { onProgress, ofType } = collectEvents();
    await mustRun(database.url, { onProgress });
    expect(ofType('index-repaired')).toMatchObject([{ index: HNSW_INDEX }]);
    expect(await isIndexValid(database, HNSW_INDEX)).toBe(true);
    await expectClean(database);
  });
});
