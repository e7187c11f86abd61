import { describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import type { HybridSearchOptions } from '../../src/search/vector-search.js';
import { along, anEmbedding, aVector, createUserWithChat, failure, must, TINY } from '../support/builders.js';

/** What hybridSearch and searchMany promise on any database. */
export function hybridSearchContract(store: () => MacroStore): void {
  const insert = async (texts: readonly (readonly [content: string, embedding: Float32Array])[]) => {
    const chat = await createUserWithChat(store());
    const vectors = texts.map(([content, embedding]) => aVector({ chatId: chat.chatId, content, embedding }));
    await must(store().vectors.insertMany({ userId: chat.userId, vectors }));
    return chat;
  };
  const hybrid = (userId: string, text: string, embedding: Float32Array, options?: HybridSearchOptions) =>
    must(store().vectorSearch.hybridSearch({ text, embedding }, userId, options));

  describe('vectorSearch.hybridSearch', () => {
    const texts = [
      ['Your booking code is QX-7741.', along(1)],
      ['Breakfast is served from seven.', along(0)],
      ["It's O'Hare; the gate changed to B\\12.", along(2)],
      ['The code word of the day.', along(3)],
    ] as const;

    it('finds by the word what the meaning puts last, and tells both places', async () => {
      const { userId } = await insert(texts);
      const [first] = await hybrid(userId, 'QX-7741', along(0), { weights: { vector: 0.1 } });
      expect(first).toMatchObject({ content: texts[0][0], textRank: 1, similarity: 0 });
      const byMeaning = await hybrid(userId, 'QX-7741', along(0), { weights: { text: 0 } });
      expect(byMeaning[0]).toMatchObject({ content: texts[1][0], vectorRank: 1, similarity: 1 });
    });

    it('adds up weight ÷ (60 + place) of both halves', async () => {
      const { userId } = await insert(texts);
      const [hit] = await hybrid(userId, 'breakfast', along(0), { weights: { vector: 2, text: 3 } });
      expect(hit).toMatchObject({ content: texts[1][0], vectorRank: 1, textRank: 1 });
      expect(hit?.score).toBeCloseTo(2 / 61 + 3 / 61, 12);
    });

    it('ranks a rare word above a common one', async () => {
      const common = Array.from({ length: 20 }, (_, n) => [`the hotel number ${n}x`, along(0)] as const);
      const { userId } = await insert([...common, ['a zeppelin', along(4)]]);
      const hits = await hybrid(userId, 'hotel zeppelin', along(5), { weights: { vector: 0 } });
      expect(hits[0]).toMatchObject({ content: 'a zeppelin', textRank: 1 });
    });

    it('takes quotes and backslashes as text, and operators by the letter', async () => {
      const { userId } = await insert(texts);
      const found = async (text: string) =>
        (await hybrid(userId, text, along(0), { weights: { vector: 0 } }))
          .filter(({ textRank }) => textRank !== null)
          .map(({ content }) => content);
      expect(await found("O'Hare B\\12")).toContain(texts[2][0]);
      expect(await found('"booking code"')).toEqual([texts[0][0]]);
      expect(await found('code -booking')).toEqual([texts[3][0]]);
      for (const hostile of ["'; drop table users; --", '\\', "'", '& | ! ( <->', '"', '%_', 'the of and']) {
        await found(hostile);
      }
    });

    it('reduces words as the language does', async () => {
      const { userId } = await insert([
        ['Die Häuser am See', along(0)],
        ['Ein Boot', along(1)],
      ]);
      const search = (language?: 'german' | 'simple') =>
        hybrid(userId, 'Haus', along(1), { weights: { vector: 0 }, ...(language && { language }) });
      const ofText = async (language?: 'german' | 'simple') =>
        (await search(language)).filter(({ textRank }) => textRank !== null).length;
      expect(await ofText('german')).toBe(1);
      expect(await ofText('simple')).toBe(0);
      expect(await ofText()).toBe(0);
    });

    it('stays with the user and chat, holds the filter, and leaves out what is not near but for its words', async () => {
      const [chat, other] = [await insert(texts), await insert(texts)];
      const hits = await hybrid(chat.userId, 'code', along(0));
      expect(hits).toHaveLength(4);
      expect(new Set(hits.map(({ chatId }) => chatId))).toEqual(new Set([chat.chatId]));
      expect(await hybrid(chat.userId, 'code', along(0), { chatId: other.chatId })).toEqual([]);
      const none = { filter: { metadata: { field: 'page', eq: 3 } } };
      expect(await hybrid(chat.userId, 'code', along(0), none)).toEqual([]);
      const near = await hybrid(chat.userId, 'breakfast', along(0), { threshold: 0.5 });
      expect(near.map(({ content }) => content)).toEqual([texts[1][0]]);
    });

    it('refuses an empty text, NUL, and options of other searches, by field', async () => {
      const { userId } = await createUserWithChat(store());
      const refused = async (text: string, options?: object) => {
        const query = { text, embedding: along(0) };
        const error = await failure(store().vectorSearch.hybridSearch(query, userId, options));
        return error.kind === 'invalid-input' ? error.issues.map(({ path }) => path) : [error.kind];
      };
      expect(await refused('')).toEqual(['text']);
      expect(await refused('a\u0000b')).toEqual(['text']);
      expect(await refused('a', { diversity: 0.5 })).toEqual(['diversity']);
      expect(await refused('a', { language: 'klingon' })).toEqual(['language']);
      expect(await refused('a', { weights: { text: -1 } })).toEqual(['weights.text']);
      expect(await refused('a', { limit: 201 })).toEqual(['limit']);
    });
  });

  describe('vectorSearch.searchMany', () => {
    it('gives for each query what it gives alone', async () => {
      const { userId } = await insert(
        Array.from({ length: 60 }, (_, seed) => [`text ${seed}`, anEmbedding(seed)] as const),
      );
      const queries = [anEmbedding(100), anEmbedding(3), anEmbedding(101), anEmbedding(3)];
      for (const options of [{ threshold: null }, { threshold: 0.6, limit: 5 }, { threshold: 1 }]) {
        const many = await must(store().vectorSearch.searchMany(queries, userId, options));
        for (const [index, query] of queries.entries()) {
          const alone = await must(store().vectorSearch.semanticSearch(query, userId, options));
          expect(many[index]).toEqual(alone);
        }
      }
    });

    it('gives no hits for each query of an unknown user', async () => {
      const userId = crypto.randomUUID();
      expect(await must(store().vectorSearch.searchMany([along(0), along(1)], userId))).toEqual([[], []]);
    });

    it('refuses no queries, too many, and names the one that is wrong', async () => {
      const { userId } = await createUserWithChat(store());
      const refused = async (queries: Float32Array[]) => {
        const error = await failure(store().vectorSearch.searchMany(queries, userId));
        return error.kind === 'invalid-input' ? error.issues.map(({ path }) => path) : [error.message];
      };
      expect(await refused([])).toEqual(['queryEmbeddings']);
      expect(await refused(Array.from({ length: 101 }, () => along(0)))).toEqual(['queryEmbeddings']);
      expect(await refused([along(0), new Float32Array(TINY.dimensions)])).toEqual(['queryEmbeddings.1']);
      expect(String(await refused([along(0), along(0, 9)]))).toContain('queryEmbeddings.1');
    });
  });
}
