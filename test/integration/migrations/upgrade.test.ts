import { describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { dumpCatalog } from '../../support/catalog-dump.js';
import { isIndexValid, mustRun, seedVectors } from '../../support/migration-runs.js';
import { createTestDatabase } from '../../support/test-database.js';

const UP_TO_0005 = MIGRATIONS.filter(({ id }) => id < '0006');
/** A full-text index, a column for the model, the tables of sessions and one of sizes. */
const NEW = ['0006_vector_full_text_index', '0007_embedding_model', '0008_sessions', '0009_growth'];
const INDEX = 'idx_chat_vectors_content_fts';

describe('migrate on a database of the release before, with rows in it', () => {
  test.each(['build', 'skip'] as const)('adds what is new and keeps every row, hnsw: %s', async (hnsw) => {
    await using database = await createTestDatabase({ template: false });
    await using clean = await createTestDatabase({ template: false });
    await mustRun(database.url, { migrations: UP_TO_0005, hnsw });
    await seedVectors(database, 200);
    // More different words than a tsvector holds.
    await database.query(`
        update chat_vectors set content = 'gondola ' || (select string_agg('word' || n, ' ') from generate_series(1, 300000) n)
        where id = (select min(id::text)::uuid from chat_vectors)`);
    const rows = "select id, md5((to_jsonb(v) - 'model')::text) as row from chat_vectors v order by id";
    const before = await database.query(rows);

    expect(await mustRun(database.url, { hnsw })).toEqual({
      applied: NEW,
      adopted: [],
      skipped: [],
    });
    expect(await isIndexValid(database, INDEX)).toBe(true);
    expect(await database.query(rows)).toEqual(before);
    await mustRun(clean.url, { hnsw });
    expect(await dumpCatalog(database)).toEqual(await dumpCatalog(clean));
    const found = await database.query(`
        select 1 from chat_vectors
        where to_tsvector('english'::regconfig, left(content, 100000)) @@ websearch_to_tsquery('english', 'gondola')`);
    expect(found).toHaveLength(1);
  });
});
