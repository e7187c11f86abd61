import { describe, expect, it } from 'vitest';
import { createUserWithChat, must } from '../../support/builders.js';
import { seedVectors } from '../../support/migration-runs.js';
import { until } from '../../support/until.js';
import {
  builderIn,
  COVERING,
  FULL_TEXT,
  HNSW,
  indexStore,
  invalidate,
  openSession,
} from '../../support/vector-index-runs.js';

describe('vectors.index.status', () => {
  it('tells of the three standing indexes whether they are there, and of the others those that are', async () => {
    await using made = await indexStore();
    const { store } = made;
    expect(await must(store.vectors.index.status())).toMatchObject({
      liveRows: 0,
      deadRows: 0,
      largestUserRows: null,
      leftovers: [],
      indexes: [
        {
          name: COVERING,
          kind: 'covering',
          exists: true,
          isValid: true,
          isBuilding: false,
          hnsw: null,
          advice: [],
        },
        { name: FULL_TEXT, kind: 'full-text', exists: true, isValid: true, advice: [] },
        {
          name: HNSW,
          kind: 'hnsw',
          exists: false,
          isValid: false,
          sizeBytes: 0,
          definition: null,
          advice: [],
        },
      ],
    });
    const { userId } = await createUserWithChat(store);
    await must(
      store.vectors.index.ensure({ hnsw: { users: [userId], m: 8 }, metadataFields: ['it\'s "a" \\ field'] }),
    );
    await must(store.vectors.index.ensure({ hnsw: { m: 20, efConstruction: 50 } }));
    const { indexes } = await must(store.vectors.index.status());
    expect(indexes.slice(2)).toMatchObject([
      {
        kind: 'hnsw',
        userId: null,
        hnsw: { m: 20, efConstruction: 50, column: 'embedding', operatorClass: 'vector_cosine_ops' },
      },
      {
        name: `idx_chat_vectors_hnsw_${userId.replaceAll('-', '')}`,
        kind: 'partial-hnsw',
        userId,
        hnsw: { m: 8, efConstruction: 64 },
      },
      { kind: 'metadata', metadataField: 'it\'s "a" \\ field', hnsw: null, buildMemory: null },
    ]);
    for (const { isValid, sizeBytes, definition, advice } of indexes) {
      expect([isValid, sizeBytes > 0, advice]).toEqual([true, true, []]);
      expect(definition).toMatch(/^CREATE INDEX idx_chat_vectors_/);
    }
  });

  it('advises where an index is missing or invalid', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure());
    await database.query(`drop index ${FULL_TEXT}`);
    for (const name of [COVERING, HNSW]) await invalidate(database, name);
    const { indexes } = await must(store.vectors.index.status());
    expect(indexes.map(({ advice }) => advice)).toEqual([
      [{ code: 'invalid', message: expect.stringContaining('vectors.index.ensure()') }],
      [{ code: 'missing', message: expect.stringContaining(FULL_TEXT) }],
      [{ code: 'invalid', message: expect.stringContaining(HNSW) }],
    ]);
  });

  it('tells of a build that goes on, by its session or by another', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await using writer = await openSession(database);
    await writer.query('begin; lock table chat_vectors in row exclusive mode');
    const building = store.vectors.index.ensure();
    await builderIn(database, 'waiting for writers');
    const { indexes } = await must(store.vectors.index.status());
    expect(indexes.at(2)).toMatchObject({
      name: HNSW,
      exists: true,
      isValid: false,
      isBuilding: true,
      advice: [],
    });
    await writer.query('commit');
    await must(building);
  });

  it('counts rows and dead rows, names the largest user, and says when a graph is worth its cost and what it needs', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await seedVectors(database, 9_000);
    await seedVectors(database, 100);
    await database.query('analyze chat_vectors');
    await database.query(`alter database ${database.name} set maintenance_work_mem = '1GB'`);
    const analyzed = await until('the statistics are there', async () => {
      const status = await must(store.vectors.index.status());
      return status.largestUserRows === null ? null : status;
    });
    expect(analyzed).toMatchObject({ liveRows: 9_100, deadRows: 0, largestUserRows: 9_000 });
    expect(analyzed.indexes.at(2)?.advice).toEqual([
      { code: 'build-hnsw', message: expect.stringContaining('about 9000 vectors') },
    ]);
    const needed = analyzed.indexes.at(2)?.buildMemory?.neededBytes ?? 0;
    expect(needed / 9_100).toBeGreaterThan(64 * 4 + 16 * 32);
    expect(needed / 9_100).toBeLessThan(2 * (64 * 4 + 16 * 32));
  });

  it('advises to rebuild a graph before VACUUM where many rows are dead', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await database.query('alter table chat_vectors set (autovacuum_enabled = off)');
    await seedVectors(database, 4_000);
    await must(store.vectors.index.ensure());
    await database.query('delete from chat_vectors where id in (select id from chat_vectors limit 1500)');
    const status = await until('the deletions are counted', async () => {
      const found = await must(store.vectors.index.status());
      return found.deadRows > 0 ? found : null;
    });
    expect(status).toMatchObject({ liveRows: 2_500, deadRows: 1_500 });
    expect(status.indexes.map(({ advice }) => advice.map(({ code }) => code))).toEqual([
      [],
      [],
      ['reindex-before-vacuum'],
    ]);
  });
});
