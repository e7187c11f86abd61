import { describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import { anEmbedding, aVector, createUserWithChat, failure, must, TINY } from '../support/builders.js';

const COVERING = 'idx_chat_vectors_user_id_chat_id';
const FULL_TEXT = 'idx_chat_vectors_content_fts';
const HNSW = 'idx_chat_vectors_embedding_hnsw';

/** What the care of indexes promises on any database, for a store that was migrated without HNSW. */
export function vectorIndexContract(store: () => MacroStore): void {
  const index = () => store().vectors.index;
  const names = async () =>
    (await must(index().status())).indexes.flatMap(({ name, isValid }) => (isValid ? [name] : []));

  describe('vectors.index', () => {
    it('ensures, rebuilds and drops, and tells of it, while what is stored stays', async () => {
      const { userId, chatId } = await createUserWithChat(store());
      const vectors = Array.from({ length: 50 }, (_, seed) =>
        aVector({ chatId, embedding: anEmbedding(seed), metadata: { topic: `t${seed % 5}` } }),
      );
      await must(store().vectors.insertMany({ userId, vectors }));
      expect(await names()).toEqual([COVERING, FULL_TEXT]);

      const ensured = await must(index().ensure({ metadataFields: ['topic'] }));
      expect(ensured).toMatchObject({ existing: [COVERING, FULL_TEXT], differing: [], swept: [] });
      expect(ensured.built).toEqual([expect.stringContaining('metadata'), HNSW]);
      expect(await must(index().ensure({ metadataFields: ['topic'] }))).toMatchObject({ built: [] });
      const partial = await must(index().ensure({ hnsw: { heaviestUsers: 1, minUserRows: 10 } }));
      expect(partial.built).toEqual([`idx_chat_vectors_hnsw_${userId.replaceAll('-', '')}`]);
      const all = await names();
      expect(all).toHaveLength(5);

      for (const kind of ['covering', 'full-text', 'hnsw', 'partial-hnsw', 'metadata'] as const) {
        expect((await must(index().rebuild(kind))).rebuilt).toHaveLength(1);
      }
      expect(await must(index().rebuild('hnsw', { m: 8 }))).toEqual({ rebuilt: [HNSW], swept: [] });
      expect(await names()).toEqual(all);
      const { indexes, leftovers } = await must(index().status());
      expect(leftovers).toEqual([]);
      expect(indexes.find(({ name }) => name === HNSW)?.hnsw).toMatchObject({ m: 8, efConstruction: 64 });
      expect(indexes.at(-1)).toMatchObject({ kind: 'metadata', metadataField: 'topic' });

      for (const kind of ['hnsw', 'partial-hnsw', 'metadata'] as const) {
        expect((await must(index().drop(kind))).dropped).toHaveLength(1);
      }
      expect(await names()).toEqual([COVERING, FULL_TEXT]);
      expect(await must(store().vectors.count({ userId }))).toBe(50);
      const hits = await must(store().vectorSearch.semanticSearch(anEmbedding(3), userId, { limit: 1 }));
      expect(hits).toMatchObject([{ metadata: { topic: 't3' } }]);
    });

    it('sends its events in order, and ends with callback-threw when one throws', async () => {
      const types: string[] = [];
      await must(index().ensure({ onProgress: ({ type }) => void types.push(type) }));
      expect(types.filter((type) => type !== 'locked')).toEqual(['started', 'done']);
      const onProgress = ({ type }: { type: string }) => {
        if (type === 'dropped') throw new Error('no more');
      };
      expect(await failure(index().drop('hnsw', { onProgress }))).toMatchObject({ kind: 'callback-threw' });
      // The event comes after the deed.
      expect(await must(index().drop('hnsw'))).toEqual({ dropped: [] });
    });

    it('works for several callers at once', async () => {
      const reports = await Promise.all([1, 2, 3].map(() => must(index().ensure())));
      expect(reports.flatMap(({ built }) => built)).toEqual([HNSW]);
      await must(index().drop('hnsw'));
    });

    it('sends nothing when its signal has fired, and names a field that is wrong', async () => {
      const signal = AbortSignal.abort();
      for (const call of [
        index().ensure({ signal }),
        index().rebuild('hnsw', { signal }),
        index().drop('hnsw', { signal }),
      ] as const) {
        expect((await call)._unsafeUnwrapErr()).toMatchObject({ kind: 'aborted' });
      }
      expect(await failure(index().status({ signal }))).toMatchObject({ kind: 'aborted' });
      expect(await failure(index().ensure({ hnsw: { m: 1 } }))).toMatchObject({
        kind: 'invalid-input',
        issues: [{ path: 'hnsw.m' }],
      });
      expect(await names()).toEqual([COVERING, FULL_TEXT]);
    });

    it('makes room for every vector of the store', async () => {
      const { userId, chatId } = await createUserWithChat(store());
      await must(index().ensure());
      const embedding = anEmbedding(1, TINY.dimensions);
      await must(store().vectors.insert({ userId, ...aVector({ chatId, embedding }) }));
      expect(await must(store().vectorSearch.semanticSearch(embedding, userId))).toHaveLength(1);
      await must(index().drop('hnsw'));
    });
  });
}
