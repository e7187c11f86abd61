import { describe, expect, test } from 'vitest';
import { MacroStoreConfigError } from '../../../src/config.js';
import { migrate, plan, status } from '../../../src/migrations/index.js';
import type { EmbeddingShape } from '../../../src/schema/embedding-shape.js';
import { dumpAll } from '../../support/catalog-dump.js';
import { HNSW_INDEX, isIndexValid } from '../../support/migration-runs.js';
import { createTestDatabase } from '../../support/test-database.js';

const SHAPES: EmbeddingShape[] = [
  { column: 'vector', dimensions: 1 },
  { column: 'vector', dimensions: 384 },
  { column: 'vector', dimensions: 2_000 },
  { column: 'halfvec', dimensions: 1_024 },
  { column: 'halfvec', dimensions: 4_000 },
];

describe('migrate for an embedding', () => {
  test.each(SHAPES)(
    'of $column($dimensions) makes the column, its code and the HNSW index',
    async (embedding) => {
      await using database = await createTestDatabase({ template: false });
      (await migrate({ url: database.url, embedding }))._unsafeUnwrap();
      expect((await status({ url: database.url, embedding }))._unsafeUnwrap()).toMatchObject({ embedding });
      expect(await isIndexValid(database, HNSW_INDEX)).toBe(true);
      // A row goes in, so the generated code fits the column.
      await database.query(`
      with u as (insert into users (email) values ('a@example.org') returning id),
        c as (insert into chats (user_id, title) select id, '' from u returning id, user_id)
      insert into chat_vectors (user_id, chat_id, content, embedding)
      select user_id, id, '', array_fill(1, array[${embedding.dimensions}])::${embedding.column} from c`);
      expect(await database.query('select length(embedding_code) as bits from chat_vectors')).toEqual([
        { bits: embedding.dimensions },
      ]);
    },
  );

  test('refuses a database of another shape with both numbers, and runs nothing', async () => {
    await using database = await createTestDatabase({ template: false });
    const { url } = database;
    (await migrate({ url, embedding: { dimensions: 384 } }))._unsafeUnwrap();
    const before = await dumpAll(database);
    const target = { url, embedding: { dimensions: 512 } };
    const error = (await migrate(target))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'dimension-mismatch', expected: 384, actual: 512 });
    expect(error.message).toMatch(/vector\(512\).*vector\(384\)/);
    expect((await plan(target))._unsafeUnwrapErr()).toMatchObject({ kind: 'dimension-mismatch' });
    const otherColumn = await migrate({ url, embedding: { dimensions: 384, column: 'halfvec' } });
    expect(otherColumn._unsafeUnwrapErr().message).toMatch(/halfvec\(384\).*vector\(384\)/);
    expect(await dumpAll(database)).toEqual(before);
  });

  test.each([
    { column: 'vector', dimensions: 2_001 },
    { column: 'halfvec', dimensions: 4_001 },
    { column: 'vector', dimensions: 0 },
    { column: 'vector', dimensions: 1.5 },
  ] as const)('of $column($dimensions) is a mistake in the configuration', (embedding) => {
    const call = () => migrate({ url: 'postgresql://127.0.0.1:1/nowhere', embedding });
    expect(call).toThrow(MacroStoreConfigError);
    expect(call).toThrow(/embedding\.dimensions/);
  });
});
