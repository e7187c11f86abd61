import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createMacroStore } from '../../../src/create-macro-store.js';
import { migrate } from '../../../src/migrations/index.js';
import type { EmbeddingShape } from '../../../src/schema/embedding-shape.js';
import type { EnsureIndexesOptions } from '../../../src/vector-index/vector-index-service.js';
import { anEmbedding, aVector, createUserWithChat, failure, must } from '../../support/builders.js';
import { dumpCatalog } from '../../support/catalog-dump.js';
import { SMALL, seedVectors } from '../../support/migration-runs.js';
import { createTestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import {
  COVERING,
  collectIndexEvents,
  definitionIn,
  FULL_TEXT,
  HNSW,
  indexesOf,
  indexStore,
  invalidate,
  openSession,
  openStore,
} from '../../support/vector-index-runs.js';

const TAKEN = { existing: [COVERING, FULL_TEXT], differing: [], swept: [] };

describe('vectors.index.ensure', () => {
  it('builds the HNSW index that was left out, as a migration builds it', async () => {
    await using made = await indexStore();
    await using clean = await createTestDatabase({ template: false });
    expect(await must(made.store.vectors.index.ensure())).toEqual({ ...TAKEN, built: [HNSW] });
    await migrate({ url: clean.url, embedding: SMALL });
    expect(await dumpCatalog(made.database)).toEqual(await dumpCatalog(clean));
  });

  it('builds the covering and the full-text index again where they are gone', async () => {
    await using made = await indexStore();
    await using clean = await indexStore();
    await made.database.query(`drop index ${COVERING}, ${FULL_TEXT}`);
    expect(await must(made.store.vectors.index.ensure({ hnsw: false }))).toEqual({
      built: [COVERING, FULL_TEXT],
      existing: [],
      differing: [],
      swept: [],
    });
    expect(await dumpCatalog(made.database)).toEqual(await dumpCatalog(clean.database));
  });

  it('opens no connection of its own where there is nothing to do', async () => {
    await using made = await indexStore();
    await must(made.store.vectors.index.ensure());
    const pool = new pg.Pool({ connectionString: made.database.url, max: 1 });
    const events = collectIndexEvents();
    let clients = 0;
    pool.on('connect', () => {
      clients += 1;
    });
    const borrowing = createMacroStore({ database: { pool }, embedding: SMALL });
    const report = await must(borrowing.vectors.index.ensure({ onProgress: events.onProgress }));
    expect(report).toEqual({ built: [], existing: [COVERING, FULL_TEXT, HNSW], differing: [], swept: [] });
    // A client that was taken for the work would have been thrown away.
    expect([clients, pool.totalCount, events.events]).toEqual([1, 1, []]);
    await borrowing.close();
    await pool.end();
  });

  it('works over a borrowed pool of one client', async () => {
    await using made = await indexStore();
    await seedVectors(made.database, 50);
    const pool = new pg.Pool({ connectionString: made.database.url, max: 1, query_timeout: 30_000 });
    const borrowing = createMacroStore({ database: { pool }, embedding: SMALL });
    expect((await must(borrowing.vectors.index.ensure())).built).toEqual([HNSW]);
    await borrowing.close();
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it('repairs invalid indexes that are asked for and drops those that are not', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure({ metadataFields: ['topic'] }));
    const [metadata = ''] = Object.keys(await indexesOf(database)).filter((name) =>
      name.includes('metadata'),
    );
    for (const name of [COVERING, HNSW, metadata]) await invalidate(database, name);
    const events = collectIndexEvents();
    const report = await must(store.vectors.index.ensure({ hnsw: false, onProgress: events.onProgress }));
    expect(report).toMatchObject({ built: [COVERING], existing: [FULL_TEXT], swept: [HNSW, metadata] });
    expect(events.ofType('index-repaired')).toEqual([{ type: 'index-repaired', index: COVERING }]);
    const left = await indexesOf(database);
    expect(left).toMatchObject({ [COVERING]: true, [FULL_TEXT]: true });
    expect(Object.keys(left)).not.toContain(HNSW);
    expect(Object.values(left)).not.toContain(false);
  });

  it('sweeps what a rebuild, by us or by hand, left under temporary names', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    const before = await indexesOf(database);
    const leftovers = [
      `${COVERING}_ccnew`,
      `${COVERING}_ccold1`,
      `${COVERING}_new`,
      `${FULL_TEXT}_old`,
    ].sort();
    for (const name of leftovers) await database.query(`create index ${name} on chat_vectors (user_id)`);
    await database.query('create index idx_chat_vectors_of_mine_new on chat_vectors (created_at)');
    expect((await must(store.vectors.index.status())).leftovers).toEqual(leftovers);
    const report = await must(store.vectors.index.ensure({ hnsw: false }));
    expect(report).toEqual({ ...TAKEN, built: [], swept: leftovers });
    expect(await indexesOf(database)).toEqual({ ...before, idx_chat_vectors_of_mine_new: true });
  });

  it('leaves alone what somebody rebuilds by hand at this moment', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure());
    await using writer = await openSession(database);
    await using hand = await openSession(database);
    // REINDEX waits for this writer, with its new index half made.
    await writer.query('begin; lock table chat_vectors in row exclusive mode');
    const reindex = hand.query(`reindex index concurrently ${COVERING}`);
    await until('the new index is there', async () => `${COVERING}_ccnew` in (await indexesOf(database)));
    expect((await must(store.vectors.index.status())).leftovers).toEqual([`${COVERING}_ccnew`]);
    expect(await must(store.vectors.index.ensure())).toMatchObject({ built: [], swept: [] });
    await writer.query('commit');
    await reindex;
    expect((await must(store.vectors.index.status())).leftovers).toEqual([]);
  });

  it('takes an index of other tuning as it is, and says so', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await must(store.vectors.index.ensure({ hnsw: { m: 24 } }));
    const definition = await definitionIn(database, HNSW);
    expect(definition).toContain("(m='24', ef_construction='64')");
    expect(await must(store.vectors.index.ensure())).toEqual({
      built: [],
      existing: [COVERING, FULL_TEXT, HNSW],
      differing: [HNSW],
      swept: [],
    });
    expect(await must(store.vectors.index.ensure({ hnsw: { m: 24 } }))).toMatchObject({ differing: [] });
    expect(await definitionIn(database, HNSW)).toBe(definition);
  });

  it('gives conflict for an index of its name that indexes something else, and leaves it', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await database.query(`create index ${HNSW} on chat_vectors (created_at)`);
    const error = await failure(store.vectors.index.ensure());
    expect(error).toMatchObject({ kind: 'conflict', constraint: HNSW, operation: 'vectors.index.ensure' });
    expect(await definitionIn(database, HNSW)).toContain('created_at');
    const rebuild = await failure(store.vectors.index.rebuild('hnsw'));
    expect(rebuild).toMatchObject({ kind: 'conflict', constraint: HNSW });
    expect((await must(store.vectors.index.status())).indexes).toContainEqual(
      expect.objectContaining({
        name: HNSW,
        hnsw: null,
        advice: [expect.objectContaining({ code: 'differs' })],
      }),
    );
  });

  it('gives room for two candidates a link where the default is less', async () => {
    await using made = await indexStore();
    await must(made.store.vectors.index.ensure({ hnsw: { m: 40 } }));
    expect(await definitionIn(made.database, HNSW)).toContain("(m='40', ef_construction='80')");
  });

  it('tells before a build that its memory is short, and how much it needs', async () => {
    await using made = await indexStore();
    const { store, database } = made;
    await seedVectors(database, 2_000);
    await database.query('analyze chat_vectors');
    const events = collectIndexEvents();
    await must(
      store.vectors.index.ensure({
        onProgress: events.onProgress,
        maintenanceWorkMem: '1MB',
        parallelWorkers: 0,
      }),
    );
    const [short] = events.ofType('memory-short');
    expect(short).toMatchObject({ index: HNSW, availableBytes: 2 ** 20 });
    expect(short?.neededBytes).toBeGreaterThan(2_000 * 64 * 4);
  });

  it.each<EmbeddingShape>([
    { column: 'vector', dimensions: 2_000 },
    { column: 'halfvec', dimensions: 3_072 },
    { column: 'halfvec', dimensions: 4_000 },
  ])('builds every kind over $column($dimensions)', async (embedding) => {
    await using made = await indexStore(embedding);
    const { store, database } = made;
    const { userId, chatId } = await createUserWithChat(store);
    const vectors = Array.from({ length: 20 }, (_, seed) =>
      aVector({ chatId, embedding: anEmbedding(seed, embedding.dimensions), metadata: { seed } }),
    );
    await must(store.vectors.insertMany({ userId, vectors }));
    await must(store.vectors.index.ensure({ metadataFields: ['seed'] }));
    await must(store.vectors.index.ensure({ hnsw: { users: [userId] } }));
    expect(Object.values(await indexesOf(database))).not.toContain(false);
    const hits = await must(
      store.vectorSearch.semanticSearch(anEmbedding(7, embedding.dimensions), userId, { limit: 1 }),
    );
    expect(hits).toHaveLength(1);
    const status = await must(store.vectors.index.status());
    expect(status.indexes.filter(({ hnsw }) => hnsw !== null)).toMatchObject([
      { kind: 'hnsw', hnsw: { operatorClass: `${embedding.column}_cosine_ops`, column: 'embedding' } },
      { kind: 'partial-hnsw', userId },
    ]);
  });

  it('refuses a database of another shape, and one without tables', async () => {
    await using made = await indexStore();
    await using other = openStore(made.database, { column: 'vector', dimensions: 32 });
    expect(await failure(other.vectors.index.ensure())).toMatchObject({ kind: 'dimension-mismatch' });
    await using empty = await createTestDatabase({ template: false });
    await using store = openStore(empty);
    expect(await failure(store.vectors.index.ensure())).toMatchObject({ kind: 'not-migrated' });
    expect(await failure(store.vectors.index.status())).toMatchObject({ kind: 'not-migrated' });
  });

  it('ends with callback-threw when onProgress throws, and goes on with the next call', async () => {
    await using made = await indexStore();
    const { index } = made.store.vectors;
    const onProgress = ({ type }: { type: string }) => {
      if (type === 'started') throw new Error('no more');
    };
    expect(await failure(index.ensure({ onProgress }))).toMatchObject({ kind: 'callback-threw' });
    expect(await must(index.ensure())).toMatchObject({ built: [HNSW] });
  });

  it.each<[string, EnsureIndexesOptions]>([
    ['hnsw.m', { hnsw: { m: 1 } }],
    ['hnsw.m', { hnsw: { m: 101 } }],
    ['hnsw.efConstruction', { hnsw: { efConstruction: 1_001 } }],
    ['hnsw.efConstruction', { hnsw: { m: 40, efConstruction: 79 } }],
    ['hnsw.efConstruction', { hnsw: { efConstruction: 31 } }],
    ['hnsw.heaviestUsers', { hnsw: { heaviestUsers: 0 } }],
    ['hnsw.users', { hnsw: { users: [] } }],
    ['hnsw.users.0', { hnsw: { users: ["x'; drop table users; --"] } }],
    ['metadataFields', { metadataFields: ['a', 'a'] }],
    ['metadataFields.1', { metadataFields: ['a', ''] }],
    ['metadataFields.0', { metadataFields: ['a\0b'] }],
    ['maintenanceWorkMem', { maintenanceWorkMem: '512' }],
    ['parallelWorkers', { parallelWorkers: 1.5 }],
    ['lockWaitMs', { lockWaitMs: -1 }],
  ])('refuses a wrong %s before it connects', async (path, options) => {
    await using store = createMacroStore({ database: { url: 'postgresql://127.0.0.1:1/nowhere' } });
    const error = await failure(store.vectors.index.ensure(options));
    expect(error).toMatchObject({ kind: 'invalid-input', issues: [{ path }] });
  });
});
