import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import type { SemanticSearchOptions } from '../../src/search/vector-search.js';
import {
  aChat,
  along,
  anEmbedding,
  aVector,
  createUserWithChat,
  failure,
  must,
  TINY,
} from '../support/builders.js';
import { ids } from './repositories.js';

/** What a semantic search promises on any database, for {@link TINY} embeddings. */
export function vectorSearchContract(store: () => MacroStore): void {
  const search = (userId: string, embedding: number[] | Float32Array, options?: SemanticSearchOptions) =>
    must(store().vectorSearch.semanticSearch(embedding, userId, options));

  const insert = (chat: { userId: string; chatId: string }, embeddings: readonly Float32Array[]) =>
    must(
      store().vectors.insertMany({
        userId: chat.userId,
        vectors: embeddings.map((embedding) => aVector({ chatId: chat.chatId, embedding })),
      }),
    );

  describe('vectorSearch.semanticSearch', () => {
    it('gives what was stored, with its similarity', async () => {
      const { userId, chatId } = await createUserWithChat(store());
      const { id: messageId } = await must(
        store().messages.append({
          userId,
          chatId,
          role: 'user',
          content: 'Is breakfast included?',
          metadata: { page: 3 },
          embedding: along(0),
        }),
      );
      const [hit, ...others] = await search(userId, along(0));
      const [record] = await must(store().vectors.findByMessage({ userId, messageId }));
      expect(others).toEqual([]);
      expect(hit).toEqual({
        id: record?.id,
        content: 'Is breakfast included?',
        chatId,
        messageId,
        metadata: { page: 3 },
        createdAt: record?.createdAt,
        similarity: 1,
      });
    });

    it('gives the best first, whatever the order of insertion', async () => {
      const chat = await createUserWithChat(store());
      const [far, near, opposite, middle] = await insert(chat, [
        mix(0.1),
        mix(0.9),
        along(0).map((x) => -x),
        mix(0.5),
      ]);
      const hits = await search(chat.userId, along(0), { threshold: -1 });
      expect(ids(hits)).toEqual([near, middle, far, opposite]);
      expect(hits.at(-1)?.similarity).toBe(-1);
    });

    it('breaks ties by id', async () => {
      const chat = await createUserWithChat(store());
      const tied = Array.from({ length: 20 }, () => along(0));
      const vectors = tied.map((embedding) => aVector({ ...scope(chat), id: randomUUID(), embedding }));
      const inserted = await must(store().vectors.insertMany({ userId: chat.userId, vectors }));
      expect(ids(await search(chat.userId, along(0), { limit: 20 }))).toEqual([...inserted].sort());
      expect(ids(await search(chat.userId, along(0), { limit: 3 }))).toEqual(
        [...inserted].sort().slice(0, 3),
      );
    });

    it('includes a similarity equal to the threshold, and nothing below', async () => {
      const chat = await createUserWithChat(store());
      await insert(
        chat,
        Array.from({ length: 40 }, (_, seed) => anEmbedding(seed)),
      );
      const all = await search(chat.userId, anEmbedding(99), { threshold: -1, limit: 1_000 });
      expect(all).toHaveLength(40);
      for (const [index, { similarity }] of all.entries()) {
        const hits = await search(chat.userId, anEmbedding(99), { threshold: similarity, limit: 1_000 });
        expect(hits).toEqual(all.slice(0, index + 1));
      }
    });

    it('uses a threshold of 0.7 and a limit of 10 where none are given', async () => {
      const chat = await createUserWithChat(store());
      await insert(chat, [mix(0.69), ...Array.from({ length: 12 }, () => mix(0.71))]);
      const hits = await search(chat.userId, along(0));
      expect(hits).toHaveLength(10);
      expect(await search(chat.userId, along(0), { limit: 20 })).toHaveLength(12);
      expect(await search(chat.userId, along(0), { limit: 20, threshold: 0 })).toHaveLength(13);
      expect(await search(chat.userId, along(0), { threshold: 0 })).toHaveLength(10);
    });

    it('takes 1 and 1,000 as limits', async () => {
      const chat = await createUserWithChat(store());
      await insert(
        chat,
        Array.from({ length: 1_001 }, () => along(0)),
      );
      expect(await search(chat.userId, along(0), { limit: 1 })).toHaveLength(1);
      expect(await search(chat.userId, along(0), { limit: 1_000 })).toHaveLength(1_000);
    });

    it('stays with the user, and with the chat where one is given', async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const { id: secondChat } = await must(store().chats.create(aChat({ userId: chat.userId })));
      const [first] = await insert(chat, [along(0)]);
      const [second] = await insert({ ...chat, chatId: secondChat }, [along(0)]);
      await insert(other, [along(0)]);
      expect(ids(await search(chat.userId, along(0)))).toEqual([first, second].sort());
      expect(ids(await search(chat.userId, along(0), { chatId: secondChat }))).toEqual([second]);
      expect(await search(chat.userId, along(0), { chatId: other.chatId })).toEqual([]);
      expect(await search(chat.userId, along(0), { chatId: randomUUID() })).toEqual([]);
      expect(await search(randomUUID(), along(0))).toEqual([]);
    });

    it('finds nothing of a user without vectors', async () => {
      const { userId } = await createUserWithChat(store());
      expect(await search(userId, along(0), { threshold: -1 })).toEqual([]);
    });

    it('gives the same for numbers, Float32Array and a view into a larger buffer', async () => {
      const chat = await createUserWithChat(store());
      await insert(
        chat,
        Array.from({ length: 20 }, (_, seed) => anEmbedding(seed)),
      );
      const query = anEmbedding(99);
      const hits = await search(chat.userId, query, { threshold: -1 });
      expect(hits).toHaveLength(10);
      expect(await search(chat.userId, [...query], { threshold: -1 })).toEqual(hits);
      const view = new Float32Array([9, ...query, 9]).subarray(1, -1);
      expect(await search(chat.userId, view, { threshold: -1 })).toEqual(hits);
    });

    it('does not mind the length of vectors', async () => {
      const chat = await createUserWithChat(store());
      await insert(chat, [mix(0.5).map((x) => x * 1e-3), mix(0.9).map((x) => x * 1e3)]);
      const hits = await search(
        chat.userId,
        along(0).map((x) => x * 50),
        { threshold: -1 },
      );
      expect(hits.map(({ similarity }) => similarity)).toEqual([
        expect.closeTo(0.9, 6),
        expect.closeTo(0.5, 6),
      ]);
    });

    it('never gives a similarity that is not a number', async () => {
      const chat = await createUserWithChat(store());
      const [near, far] = await insert(chat, [along(0), along(1)]);
      // The store takes none of these, but the table is open to others. Its squares are no longer float32
      // numbers above 0, so the server has no distance for it.
      const tiny = `[${along(1).map((x) => x * 1e-30)}]`;
      await store().db.execute(sql`update chat_vectors set embedding = ${tiny} where id = ${far}`);
      expect(ids(await search(chat.userId, along(0), { threshold: -1 }))).toEqual([near]);
    });

    it('names both numbers of dimensions where the query has others than the store', async () => {
      const { userId } = await createUserWithChat(store());
      for (const embedding of [anEmbedding(1, 7), anEmbedding(1, 9), []]) {
        const error = await failure(store().vectorSearch.semanticSearch(embedding, userId));
        expect(error).toMatchObject({
          kind: 'dimension-mismatch',
          expected: TINY.dimensions,
          actual: embedding.length,
        });
        expect(error.message).toContain(`${embedding.length} dimensions`);
        expect(error.message).toContain(`configured for ${TINY.dimensions}`);
      }
    });

    it('gives up when its signal has fired', async () => {
      const { userId } = await createUserWithChat(store());
      const call = store().vectorSearch.semanticSearch(along(0), userId, { signal: AbortSignal.abort() });
      expect(await failure(call)).toMatchObject({ kind: 'aborted' });
    });
  });

  describe('vectorSearch.semanticSearch on 500 random vectors', () => {
    const vectors = Array.from({ length: 500 }, (_, seed) => anEmbedding(seed + 1_000));
    let userId: string;
    let stored: readonly string[];
    beforeAll(async () => {
      const chat = await createUserWithChat(store());
      userId = chat.userId;
      stored = await insert(chat, vectors);
    });

    it.each([1, 2, 3, 4, 5])('agrees with the cosine in 64-bit floats, query %d', async (seed) => {
      const query = anEmbedding(seed);
      const expected = vectors
        .map((vector, index) => ({ id: stored[index], similarity: cosine(query, vector) }))
        .sort((a, b) => b.similarity - a.similarity)
        .slice(0, 50);
      const hits = await search(userId, query, { threshold: -1, limit: 50 });
      expect(hits.map(({ id, similarity }) => ({ id, similarity }))).toEqual(
        expected.map(({ id, similarity }) => ({ id, similarity: expect.closeTo(similarity, 5) })),
      );
    });
  });
}

const scope = ({ chatId }: { chatId: string }) => ({ chatId });

/** Of length 1, at the given similarity to the first axis. */
function mix(similarity: number): Float32Array {
  const embedding = along(1).map((x) => x * Math.sqrt(1 - similarity ** 2));
  embedding[0] = similarity;
  return embedding;
}

function cosine(one: Float32Array, other: Float32Array): number {
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, index) => sum + x * (b[index] ?? 0), 0);
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}
