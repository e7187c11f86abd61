import { readFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../src/create-macro-store.js';
import type { EmbeddingShape } from '../../src/schema/embedding-shape.js';
import { query } from '../contract/repositories.js';
import { embeddingOf } from '../contract/repositories-messages.js';
import { vectorSearchContract } from '../contract/vector-search.js';
import {
  aMessage,
  anEmbedding,
  aVector,
  createServerStore,
  createUserWithChat,
  failure,
  must,
  type ServerStore,
  TINY,
} from '../support/builders.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let made: ServerStore;
beforeAll(async () => {
  // With HNSW: a search that used it would lose hits of small users.
  made = await createServerStore({ hnsw: 'build' });
});
afterAll(() => made[Symbol.asyncDispose]());

vectorSearchContract(() => made.store);

/** Every way to the embedding column. */
const vectorCalls = (
  store: MacroStore,
  chat: { userId: string; chatId: string },
  embedding: Float32Array,
) => {
  const { userId, chatId } = chat;
  return {
    'vectorSearch.semanticSearch': () => store.vectorSearch.semanticSearch(embedding, userId),
    'vectors.insert': () => store.vectors.insert({ userId, ...aVector({ chatId, embedding }) }),
    'vectors.insertMany': () =>
      store.vectors.insertMany({ userId, vectors: [aVector({ chatId, embedding })] }),
    'messages.append': () => store.messages.append({ ...chat, ...aMessage({ embedding }) }),
    'messages.appendMany': () => store.messages.appendMany({ ...chat, messages: [aMessage({ embedding })] }),
  };
};

async function withStore<T>(
  database: TestDatabase,
  embedding: EmbeddingShape,
  work: (store: MacroStore) => Promise<T>,
): Promise<T> {
  await using store = createMacroStore({ database: { url: database.url, max: 2 }, embedding });
  return await work(store);
}

describe('a store configured otherwise than its database', () => {
  it.each<EmbeddingShape>([
    { dimensions: 16, column: 'vector' },
    { dimensions: 8, column: 'halfvec' },
  ])('reports both on the first use of vectors, here %o', async (other) => {
    const chat = await createUserWithChat(made.store);
    await withStore(made.database, other, async (store) => {
      const calls = vectorCalls(store, chat, anEmbedding(1, other.dimensions));
      for (const [operation, call] of Object.entries(calls)) {
        const error = await failure<unknown, unknown>(call());
        expect(error).toMatchObject({
          kind: 'dimension-mismatch',
          operation,
          expected: TINY.dimensions,
          actual: other.dimensions,
        });
        expect(`${error}`).toContain(`configured for ${other.column}(${other.dimensions})`);
        expect(`${error}`).toContain(`migrated for ${TINY.column}(${TINY.dimensions})`);
      }
      expect(await must(store.messages.history(chat))).toEqual([]);
      expect(await must(store.messages.append({ ...chat, ...aMessage() }))).toMatchObject(chat);
    });
  });
});

describe('a store whose database was not migrated', () => {
  it('says so, and works once it is', async () => {
    await using database = await createTestDatabase({ template: false });
    await withStore(database, TINY, async (store) => {
      const nobody = { userId: crypto.randomUUID(), chatId: crypto.randomUUID() };
      for (const call of Object.values(vectorCalls(store, nobody, anEmbedding(1)))) {
        const error = await failure<unknown, unknown>(call());
        expect(error).toMatchObject({ kind: 'not-migrated', retryable: false });
        expect(`${error}`).toContain('store.migrate()');
      }
      expect(await failure(store.users.findById(nobody.userId))).toMatchObject({ kind: 'not-migrated' });
      await must(store.migrate({ hnsw: 'skip' }));
      const chat = await createUserWithChat(store);
      await must(store.messages.append({ ...chat, ...aMessage({ embedding: anEmbedding(1) }) }));
      const hits = await must(store.vectorSearch.semanticSearch(anEmbedding(1), chat.userId));
      expect(hits).toMatchObject([{ similarity: 1 }]);
    });
  });
});

describe('a halfvec store', () => {
  it('writes, replaces and finds 512 dimensions at half precision', async () => {
    await using half = await createServerStore({ embedding: { dimensions: 512, column: 'halfvec' } });
    const { store } = half;
    const chat = await createUserWithChat(store);
    const embeddings = [1, 2, 3, 4].map((seed) => anEmbedding(seed, 512));
    const [first = new Float32Array(), second, third, fourth] = embeddings;
    const message = await must(store.messages.append({ ...chat, ...aMessage({ embedding: first }) }));
    await must(
      store.messages.appendMany({ ...chat, messages: [aMessage({ ...(second && { embedding: second }) })] }),
    );
    for (const embedding of [third, fourth]) {
      const vector = aVector({ chatId: chat.chatId, ...(embedding && { embedding }) });
      await must(store.vectors.insert({ userId: chat.userId, ...vector }));
    }
    const [column] = await query<{ type: string }>(
      store,
      sql`select format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = 'chat_vectors'::regclass and attname = 'embedding'`,
    );
    expect(column).toEqual({ type: 'halfvec(512)' });
    for (const embedding of embeddings) {
      const hits = await must(store.vectorSearch.semanticSearch(embedding, chat.userId));
      expect(hits).toMatchObject([{ similarity: expect.closeTo(1, 5) }]);
    }
    const ref = { ...chat, messageId: message.id };
    await must(store.messages.update({ ...ref, content: 'New', embedding: anEmbedding(9, 512) }));
    const search = { chatId: chat.chatId, limit: 1 };
    const hits = await must(store.vectorSearch.semanticSearch(anEmbedding(9, 512), chat.userId, search));
    expect(hits).toMatchObject([{ content: 'New', messageId: message.id }]);
    expect(await must(store.vectorSearch.semanticSearch(first, chat.userId))).toEqual([]);
  });
});

describe('embeddings of text-embedding-3-small', () => {
  const hotels = readFileSync(new URL('../fixtures/hotels.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; description: string; embedding: string })
    .map((hotel) => ({ ...hotel, embedding: floatsOf(hotel.embedding) }));

  it('are stored to the bit by every way in, and found by themselves', async () => {
    await using database = await createTestDatabase();
    await withStore(database, { dimensions: 1536, column: 'vector' }, async (store) => {
      const chat = await createUserWithChat(store);
      const { userId, chatId } = chat;
      const [one, ...rest] = hotels;
      if (one === undefined) throw new Error('no hotels');
      const asVector = ({ description, embedding }: typeof one) =>
        aVector({ chatId, content: description, embedding });
      await must(
        store.messages.append({
          ...chat,
          ...aMessage({ content: one.description, embedding: one.embedding }),
        }),
      );
      await must(store.vectors.insertMany({ userId, vectors: rest.map(asVector) }));

      const { items } = await must(store.vectors.list({ userId }));
      expect(items).toHaveLength(hotels.length);
      for (const { id, content } of items) {
        const hotel = hotels.find(({ description }) => description === content);
        expect(await embeddingOf(store, id)).toEqual([...(hotel?.embedding ?? [])]);
      }
      for (const { embedding, description } of hotels) {
        // Distinct texts of this model are never as near as the default threshold asks for.
        const hits = await must(store.vectorSearch.semanticSearch(embedding, userId));
        expect(hits).toMatchObject([{ content: description, similarity: expect.closeTo(1, 6) }]);
        expect(
          await must(store.vectorSearch.semanticSearch(embedding, userId, { threshold: 0 })),
        ).toHaveLength(10);
      }
    });
  });
});

function floatsOf(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}
