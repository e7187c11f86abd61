import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../support/builders.js';
import { dumpCatalog } from '../support/catalog-dump.js';
import type { IndexWorkerInput } from '../support/index-worker.js';
import { SMALL, seedVectors } from '../support/migration-runs.js';
import { until } from '../support/until.js';
import { builderIn, HNSW, indexesOf, indexStore, openSession } from '../support/vector-index-runs.js';
import { buildWorker } from '../support/worker-process.js';

describe('a process that rebuilds an index and is killed', { timeout: 60_000 }, () => {
  let worker: Awaited<ReturnType<typeof buildWorker<IndexWorkerInput, string>>>;
  let made: Awaited<ReturnType<typeof indexStore>>;
  let clean: Record<string, string>;
  beforeAll(async () => {
    worker = await buildWorker<IndexWorkerInput, string>('index-worker.ts');
    made = await indexStore();
    await seedVectors(made.database, 3_000);
    await must(made.store.vectors.index.ensure());
    clean = await dumpCatalog(made.database);
  });
  afterAll(async () => {
    await made[Symbol.asyncDispose]();
    await worker.remove();
  });

  const start = (dieAt: IndexWorkerInput['dieAt']) =>
    worker.start({ url: made.database.url, embedding: SMALL, dieAt });

  it.each([
    ['before its build', 'started', []],
    ['between the build and the change of names', 'retrying', [`${HNSW}_new`]],
    ['between the change of names and the drop', 'swapped', [`${HNSW}_old`]],
    ['after all', 'dropped', []],
  ] as const)(
    '%s leaves a valid index, and what the next ensure clears up',
    async (_when, dieAt, leftovers) => {
      const { store, database } = made;
      await using holder = await openSession(database);
      // Keeps the names from being changed.
      if (dieAt === 'retrying') await holder.query(`begin; alter index ${HNSW} set (ef_construction = 64)`);
      const { process, output } = start(dieAt);
      expect(await output).toBeNull();
      expect(process.signalCode).toBe('SIGKILL');
      await holder.query('rollback');
      expect((await must(store.vectors.index.status())).leftovers).toEqual(leftovers);
      expect(await indexesOf(database)).toMatchObject({ [HNSW]: true });
      expect(await must(store.vectors.index.ensure())).toMatchObject({ built: [], swept: leftovers });
      expect(await dumpCatalog(database)).toEqual(clean);
    },
  );

  it('in the middle of its build is noticed by the server, and the next ensure clears up', async () => {
    const { store, database } = made;
    await using writer = await openSession(database);
    // Holds the build up for as long as the test likes.
    await writer.query('begin; lock table chat_vectors in row exclusive mode');
    const { process, output } = start(null);
    await builderIn(database, 'waiting for writers');
    process.kill('SIGKILL');
    await output;
    await until('the server has ended the session', async () => {
      const rows = await database.query(
        "select 1 from pg_stat_activity where datname = current_database() and application_name = '@macro-ai/store index'",
      );
      return rows.length === 0;
    });
    await writer.query('commit');
    expect(await indexesOf(database)).toMatchObject({ [HNSW]: true, [`${HNSW}_new`]: false });
    expect(await must(store.vectors.index.ensure())).toMatchObject({ built: [], swept: [`${HNSW}_new`] });
    expect(await dumpCatalog(database)).toEqual(clean);
  });

  it('not at all does its work', async () => {
    expect(await start(null).output).toBe('done');
    expect(await dumpCatalog(made.database)).toEqual(clean);
  });
});
