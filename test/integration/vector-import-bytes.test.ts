import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NewVector } from '../../src/repositories/vectors.js';
import type { EmbeddingShape } from '../../src/schema/embedding-shape.js';
import { anEmbedding, createServerStore, createUserWithChat, failure, must } from '../support/builders.js';

async function open(embedding: EmbeddingShape) {
  const made = await createServerStore({ embedding });
  onTestFinished(() => made[Symbol.asyncDispose]());
  return { ...made, chat: await createUserWithChat(made.store) };
}

/** Of every magnitude: powers of two with noise, ties, the smallest and largest of 16 bits. */
function embeddings(dimensions: number, count: number): Float32Array[] {
  return Array.from({ length: count }, (_, index) =>
    anEmbedding(index + 1, dimensions).map((value, at) => {
      const exponent = (at % 42) - 26;
      const exact = at % 3 === 0 ? Math.sign(value) : value;
      return Math.max(-65_504, Math.min(65_504, exact * 2 ** exponent));
    }),
  );
}

const SHAPES: readonly EmbeddingShape[] = [
  { dimensions: 8, column: 'vector' },
  { dimensions: 1_536, column: 'vector' },
  { dimensions: 64, column: 'halfvec' },
  { dimensions: 3_072, column: 'halfvec' },
];

describe.each(SHAPES)('a $column of $dimensions dimensions', (shape) => {
  it('is stored to the bit as insert, insertMany and both kinds of import are given it', async () => {
    const { store, database, chat } = await open(shape);
    const given = embeddings(shape.dimensions, 50);
    const rows = (way: string): (NewVector & { id: string })[] =>
      given.map((embedding, index) => ({
        ...chat,
        id: randomUUID(),
        content: `${index}`,
        metadata: { way, numbers: [1.5, null, 'é\\"'] },
        embedding,
      }));
    for (const row of rows('insert')) await must(store.vectors.insert(row));
    const vectors = rows('insertMany').map(({ userId: _userId, ...body }) => body);
    await must(store.vectors.insertMany({ userId: chat.userId, vectors }));
    await must(store.vectors.import(rows('import')));
    await must(store.vectors.import(rows('replace'), { onConflict: 'replace' }));

    const [facts] = await database.query(`
      with stored as (
        select content, metadata->>'way' as way, metadata->'numbers' as numbers,
          ${shape.column}_send(embedding) as bytes, embedding_code
        from chat_vectors)
      select count(*)::int as rows, count(distinct way)::int as ways,
        count(distinct (content, bytes, embedding_code, numbers))::int as kinds from stored`);
    expect(facts).toEqual({ rows: 200, ways: 4, kinds: 50 });
    if (shape.column === 'halfvec') return;
    const [first] = await database.query<{ embedding: string }>(
      `select embedding::text from chat_vectors where content = '0' limit 1`,
    );
    expect(Float32Array.from(JSON.parse(first?.embedding ?? '[]'))).toEqual(given[0]);
  });
});

describe('a halfvec', () => {
  it('takes no number above its range and no embedding that it makes all zeros, by any way', async () => {
    const { store, chat } = await open({ dimensions: 8, column: 'halfvec' });
    const { userId, chatId } = chat;
    const ways: [string, (embedding: number[]) => ReturnType<typeof store.vectors.import>][] = [
      ['embedding', (embedding) => store.vectors.insert({ userId, ...body(embedding) }) as never],
      [
        'vectors.0.embedding',
        (embedding) => store.vectors.insertMany({ userId, vectors: [body(embedding)] }) as never,
      ],
      ['rows.0.embedding', (embedding) => store.vectors.import([{ userId, ...body(embedding) }])],
    ];
    const body = (embedding: number[]) => ({ chatId, content: 'x', embedding });
    for (const [path, way] of ways) {
      expect(await failure(way([1, 2, 70_000, 0, 0, 0, 0, 0]))).toMatchObject({
        kind: 'invalid-input',
        issues: [{ path: `${path}.2` }],
      });
      expect(await failure(way(new Array<number>(8).fill(1e-9)))).toMatchObject({
        kind: 'invalid-input',
        issues: [{ path }],
      });
    }
    expect(await must(store.vectors.count({ userId }))).toBe(0);
  });
});
