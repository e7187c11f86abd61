import { describe, expect, it } from 'vitest';
import { anEmbedding, aVector, createUserWithChat, must } from '../../support/builders.js';
import { SMALL, seedVectors } from '../../support/migration-runs.js';
import { HNSW, indexesOf, indexStore, openStore } from '../../support/vector-index-runs.js';

describe('index work beside other work', { timeout: 60_000 }, () => {
  it('of several stores and a migration at once is done by one of them, without a deadlock', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await seedVectors(database, 2_000);
    await using second = openStore(database);
    await using third = openStore(database);
    await using fourth = openStore(database);
    const [reports, migration, rebuilt] = await Promise.all([
      Promise.all(
        [store, second].map(({ vectors }) => must(vectors.index.ensure({ metadataFields: ['a'] }))),
      ),
      must(third.migrate()),
      must(fourth.vectors.index.rebuild('covering')),
    ]);
    expect(migration.applied).toEqual(['0005_hnsw_index']);
    expect(rebuilt.rebuilt).toHaveLength(1);
    const built = reports.flatMap((report) => report.built);
    expect(built.filter((name) => name.includes('metadata'))).toHaveLength(1);
    expect(built.filter((name) => name === HNSW).length).toBeLessThanOrEqual(1);
    const left = await indexesOf(database);
    expect(left).toMatchObject({ [HNSW]: true });
    expect(Object.values(left)).not.toContain(false);
    const [stats] = await database.query<{ deadlocks: number }>(
      'select deadlocks::int from pg_stat_database where datname = current_database()',
    );
    expect(stats).toEqual({ deadlocks: 0 });
  });

  it('keeps neither readers nor writers waiting for a lock', async () => {
    await using made = await indexStore();
    const { database } = made;
    await seedVectors(database, 6_000);
    // Who queues for a lock longer gets an error. The session of the index work has no such limit.
    await database.query(`alter database ${database.name} set lock_timeout = '100ms'`);
    await using store = openStore(database);
    const { userId, chatId } = await createUserWithChat(store);
    const embedding = anEmbedding(1, SMALL.dimensions);
    let isOver = false;
    const done = { writes: 0, reads: 0 };
    const write = async () => {
      while (!isOver) {
        await must(store.vectors.insert({ userId, ...aVector({ chatId, embedding }) }));
        done.writes += 1;
      }
    };
    const read = async () => {
      while (!isOver) {
        await must(store.vectorSearch.semanticSearch(embedding, userId, { limit: 1 }));
        done.reads += 1;
      }
    };
    const work = async () => {
      try {
        await must(store.vectors.index.ensure({ metadataFields: ['topic'] }));
        await must(store.vectors.index.rebuild('covering'));
        await must(store.vectors.index.drop('hnsw'));
      } finally {
        isOver = true;
      }
    };
    await Promise.all([work(), write(), write(), read(), read()]);
    expect(done.writes).toBeGreaterThan(10);
    expect(done.reads).toBeGreaterThan(10);
    // Nothing that was written meanwhile is missing from the index.
    expect(await must(store.vectors.count({ userId }))).toBe(done.writes);
  });
});
