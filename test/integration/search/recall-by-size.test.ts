import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore } from '../../../src/create-macro-store.js';
import { createServerStore, must, type ServerStore } from '../../support/builders.js';
import { exactNearest, recallOf } from '../../support/nearest.js';
import { addVectors, aUserWith, hitsInPages, range, unit, withCursor } from '../../support/search-data.js';
import { seededRandom, shuffledBy } from '../../support/seeded-random.js';
import { readSgdSample } from '../../support/sgd.js';

const SGD = { dimensions: 512, column: 'vector' } as const;
const MIN_RECALL = 0.99;
const LATER = 0.2;
const DELETED = 0.3;
const QUERIES = 50;

/** A user's vectors as they are in the end, in the order of their embeddings. */
interface Rows {
  readonly userId: string;
  readonly ids: readonly string[];
  readonly embeddings: readonly Float32Array[];
}

let made: ServerStore;
const users = new Map<number, Rows>();
// Half precision has taken a little of their length, and a dot product is the cosine of unit vectors only.
const sample = readSgdSample();
const docs = sample.docs.map(({ embedding }) => unit(embedding));
const queries = sample.queries.map(({ embedding }) => unit(embedding));

beforeAll(async () => {
  made = await createServerStore({ embedding: SGD });
  const { store, database } = made;
  const random = seededRandom(7);
  const filled = [];
  for (const rows of [4, 100, 500, 1_680]) {
    const embeddings = shuffledBy(random, docs).slice(0, Math.round(rows / (1 - DELETED)));
    const early = Math.round(embeddings.length * (1 - LATER));
    const owner = await aUserWith(store, embeddings.slice(0, early));
    filled.push({ owner, rows, embeddings, early });
  }
  await must(store.migrate({ hnsw: 'build' }));
  await database.query('vacuum analyze chat_vectors');
  for (const { owner, rows, embeddings, early } of filled) {
    const ids = [...owner.ids, ...(await addVectors(store, owner, embeddings.slice(early)))];
    const kept = new Set(shuffledBy(random, range(ids.length)).slice(0, rows));
    for (const [place, id] of ids.entries()) {
      if (!kept.has(place)) await must(store.vectors.delete({ userId: owner.userId, vectorId: id }));
    }
    users.set(rows, {
      userId: owner.userId,
      ids: ids.filter((_, place) => kept.has(place)),
      embeddings: embeddings.filter((_, place) => kept.has(place)),
    });
  }
});
afterAll(() => made[Symbol.asyncDispose]());

const rowsOf = (size: number): Rows => {
  const rows = users.get(size);
  if (rows === undefined) throw new Error(`no user has ${size} rows`);
  return rows;
};

describe.each(['auto', 'exact', 'codes', 'hnsw'] as const)(
  'search by %s, with a fifth new and a third gone',
  (by) => {
    it.each([4, 100, 500, 1_680])(`finds ${MIN_RECALL} of the ten nearest of %d rows`, async (size) => {
      await using store = createMacroStore({ database: { url: made.database.url, max: 1 }, embedding: SGD });
      const { userId, ids, embeddings } = rowsOf(size);
      let recall = 0;
      for (const query of queries.slice(0, QUERIES)) {
        const options = { threshold: null, ...(by !== 'auto' && { strategy: by }) } as const;
        const { hits, scopeRows } = await must(store.vectorSearch.search(query, userId, options));
        const truth = exactNearest(query, embeddings, 10);
        expect(scopeRows).toBe(size);
        expect(hits).toHaveLength(Math.min(10, size));
        expect(hits.every(({ id }) => ids.includes(id))).toBe(true);
        recall +=
          recallOf(
            hits.map(({ similarity }) => similarity),
            truth,
          ) / QUERIES;
      }
      expect(recall).toBeGreaterThanOrEqual(by === 'exact' ? 1 : MIN_RECALL);
    });
  },
);

describe('pages of a ranking', () => {
  it.each(['exact', 'codes', 'hnsw'] as const)(
    'by %s give the rows of a large scope once, in order',
    async (strategy) => {
      const { store } = made;
      const { userId, ids } = rowsOf(1_680);
      for (const query of queries.slice(0, 3)) {
        const hits = await hitsInPages((cursor) =>
          must(
            store.vectorSearch.search(
              query,
              userId,
              withCursor({ threshold: null, limit: 60, strategy }, cursor),
            ),
          ),
        );
        const similarities = hits.map(({ similarity }) => similarity);
        expect(similarities).toEqual([...similarities].sort((one, other) => other - one));
        expect(new Set(hits.map(({ id }) => id)).size).toBe(hits.length);
        // What a page by HNSW misses, as one query in some hundred does, is behind the cursor of the next.
        expect(hits.length).toBeGreaterThanOrEqual(ids.length * (strategy === 'hnsw' ? 0.999 : 1));
      }
    },
  );
});
