import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watchStatements } from '../../../bench/harness/sent-statements.js';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import type { SemanticSearchOptions } from '../../../src/search/vector-search.js';
import { createServerStore, must, type ServerStore } from '../../support/builders.js';
import { CODED, range } from '../../support/search-data.js';
import { embeddingIn, fillTable, type TableUser } from '../../support/vector-table.js';

let made: ServerStore;
beforeAll(async () => {
  made = await createServerStore({ embedding: CODED, hnsw: 'build' });
});
afterAll(() => made[Symbol.asyncDispose]());

/** A store that has met nobody yet, and one user of this many rows with a query near some of them. */
async function withUser(rows: number) {
  const [user] = (await fillTable(made.database, { sizes: [rows], dimensions: CODED.dimensions })) as [
    TableUser,
  ];
  const store = createMacroStore({ database: { url: made.database.url, max: 1 }, embedding: CODED });
  const query = await embeddingIn(made.database, user);
  return { ...user, store, query, [Symbol.asyncDispose]: () => store.close() };
}

/** The statements of searches one after the other, by their family. */
async function statementsOf(
  { store, query, userId }: { store: MacroStore; query: Float32Array; userId: string },
  searches: readonly SemanticSearchOptions[],
): Promise<readonly string[]> {
  // The first use of vectors looks at the table.
  await must(store.vectors.count({ userId }));
  const sent = await watchStatements(store, async () => {
    for (const options of searches) await must(store.vectorSearch.semanticSearch(query, userId, options));
  });
  return sent.map(({ name }) => name.replace(/#.*/, ''));
}

const NEAREST = 'vectorSearch.nearest';
const COUNTING = 'vectorSearch.search';

describe('semanticSearch', () => {
  it('counts a scope with its second search, and asks for nothing but the nearest otherwise', async () => {
    await using user = await withUser(60);
    const searches = range(4).map(() => ({ threshold: null }));
    expect(await statementsOf(user, searches)).toEqual([NEAREST, COUNTING, NEAREST, NEAREST]);
  });

  it('never counts a scope that its first answer has all of', async () => {
    await using user = await withUser(7);
    expect(await statementsOf(user, [{}, {}, { threshold: null }])).toEqual([NEAREST, NEAREST, NEAREST]);
    const { strategy, scopeRows } = await must(user.store.vectorSearch.search(user.query, user.userId));
    expect({ strategy, scopeRows }).toEqual({ strategy: 'exact', scopeRows: 7 });
  });

  it('takes no large scope for a small one where little meets the threshold', async () => {
    await using user = await withUser(60);
    const hits = await must(
      user.store.vectorSearch.semanticSearch(user.query, user.userId, { threshold: 0.99 }),
    );
    expect(hits).toHaveLength(1);
    expect(await statementsOf(user, [{ threshold: 0.99 }])).toEqual([COUNTING]);
  });

  it('takes no scope for a small one where little passes the filter', async () => {
    await using user = await withUser(60);
    const filter = { metadata: { field: 'tag', eq: 'tag 3' } } as const;
    expect(await statementsOf(user, [{ filter, threshold: null }])).toEqual([NEAREST]);
    expect((await must(user.store.vectorSearch.search(user.query, user.userId))).scopeRows).toBe(60);
  });

  it('finds what search finds, with the similarities to the last digit', async () => {
    await using user = await withUser(300);
    for (const strategy of ['exact', 'codes', 'hnsw'] as const) {
      for (const threshold of [null, 0.5, 0.9]) {
        const options = { strategy, threshold, limit: 40 };
        const { hits } = await must(user.store.vectorSearch.search(user.query, user.userId, options));
        const nearest = await must(user.store.vectorSearch.semanticSearch(user.query, user.userId, options));
        expect(nearest).toEqual(hits);
      }
    }
  });

  it('looks further where vectors without a distance fill the candidates', async () => {
    await using user = await withUser(40);
    const { store, query, userId } = user;
    const [chatId] = user.chatIds;
    // Of the query's signs, and too long for a product that a 32-bit float can hold: by codes they are the nearest.
    const giant = `[${[...query].map((value) => Math.sign(value) * 3e38).join()}]`;
    await made.database.query(
      `insert into chat_vectors (user_id, chat_id, content, embedding)
        select $1::uuid, $2::uuid, 'A giant', $3::vector from generate_series(1, 200)`,
      [userId, chatId, giant],
    );
    const options = { strategy: 'codes', threshold: null, limit: 10 } as const;
    expect(await statementsOf(user, [options])).toEqual([NEAREST, COUNTING, COUNTING]);
    const hits = await must(store.vectorSearch.semanticSearch(query, userId, options));
    const exact = await must(
      store.vectorSearch.semanticSearch(query, userId, { ...options, strategy: 'exact' }),
    );
    expect(hits).toHaveLength(10);
    expect(hits).toEqual(exact);
  });
});
