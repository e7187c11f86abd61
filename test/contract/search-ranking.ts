import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import type { SearchOptions } from '../../src/search/vector-search.js';
import { aVector, createUserWithChat, failure, must } from '../support/builders.js';
import {
  addVectors,
  aUserWith,
  coded,
  hitsInPages,
  mixOf,
  type Owner,
  range,
  STRATEGIES,
  withCursor,
} from '../support/search-data.js';
import { ids } from './repositories.js';

/** The order of hits, the threshold and the pages, by every strategy, for embeddings of the shape CODED. */
export function searchRankingContract(store: () => MacroStore): void {
  const search = (embedding: Float32Array, userId: string, options?: SearchOptions) =>
    must(store().vectorSearch.search(embedding, userId, options));
  const query = coded(99_999);
  const everything = { threshold: null, limit: 1_000 } as const;

  describe.each(STRATEGIES)('vectorSearch.search by %s', (strategy) => {
    let owner: Owner;
    beforeAll(async () => {
      // In every direction, the opposite among them, and one of them five times.
      const embeddings = range(45).map((seed) => coded(seed));
      owner = await aUserWith(store(), [
        ...embeddings,
        ...range(5).map(() => coded(7)),
        query.map((x) => -x),
      ]);
      await aUserWith(store(), embeddings);
    });

    it('gives every row without a threshold, the opposite of the query last', async () => {
      const answer = await search(query, owner.userId, { ...everything, strategy });
      expect(new Set(ids(answer.hits))).toEqual(new Set(owner.ids));
      expect(answer.hits).toHaveLength(51);
      expect(answer.hits.at(-1)).toMatchObject({ id: owner.ids[50], similarity: expect.closeTo(-1, 6) });
      expect(answer).toMatchObject({ strategy: expect.any(String), underfilled: true, nextCursor: null });
    });

    it('gives the best first, ties by id', async () => {
      const { hits } = await search(query, owner.userId, { ...everything, strategy });
      const sorted = [...hits].sort(
        (one, other) => other.similarity - one.similarity || (one.id < other.id ? -1 : 1),
      );
      expect(ids(hits)).toEqual(ids(sorted));
      expect(new Set(hits.map(({ similarity }) => similarity)).size).toBe(46);
    });

    it('includes a similarity equal to the threshold, and nothing below', async () => {
      const { hits } = await search(query, owner.userId, { ...everything, strategy });
      for (const index of [0, 1, 20, 48, 49]) {
        const threshold = hits[index]?.similarity ?? 0;
        const above = await search(query, owner.userId, { limit: 1_000, strategy, threshold });
        const last = hits.findLastIndex(({ similarity }) => similarity === threshold);
        expect(above.hits).toEqual(hits.slice(0, last + 1));
      }
    });

    it('gives nothing where nothing reaches the threshold', async () => {
      const answer = await search(query, owner.userId, { strategy, threshold: 0.99 });
      expect(answer).toMatchObject({ hits: [], nextCursor: null, scopeRows: 51, retried: false });
      // There is more, but not as near: that is not a page that could not be filled.
      expect(answer.underfilled).toBe(false);
    });

    it('takes limits from 1 to all there is, and gives the best of them', async () => {
      const { hits } = await search(query, owner.userId, { ...everything, strategy });
      for (const limit of [1, 2, 10, 50, 51, 52]) {
        const answer = await search(query, owner.userId, { threshold: null, strategy, limit });
        expect(answer.hits).toEqual(hits.slice(0, limit));
        expect(answer.underfilled).toBe(limit > 51);
      }
    });

    it.each([1, 7, 17, 51, 1_000])('gives in pages of %d what it gives at once', async (limit) => {
      const { hits } = await search(query, owner.userId, { ...everything, strategy });
      const options = { threshold: null, strategy, limit };
      const inPages = await hitsInPages((cursor) => search(query, owner.userId, withCursor(options, cursor)));
      expect(inPages).toEqual(hits);
    });

    it('ends its pages at the threshold', async () => {
      const { hits } = await search(query, owner.userId, { ...everything, strategy });
      const threshold = hits[12]?.similarity ?? 0;
      const options = { threshold, strategy, limit: 5 };
      const inPages = await hitsInPages((cursor) => search(query, owner.userId, withCursor(options, cursor)));
      expect(inPages).toEqual(hits.filter(({ similarity }) => similarity >= threshold));
    });

    it('gives every row that stays once, in order, while others come and go between pages', async () => {
      const chat = await createUserWithChat(store());
      const kept = await addVectors(
        store(),
        chat,
        range(60).map((seed) => coded(2_000 + seed)),
      );
      const near = (seed: number) => mixOf(query, coded(seed), 0.8);
      const far = (seed: number) => mixOf(query, coded(seed), -0.5);
      const fleeting = await addVectors(store(), chat, [...range(6).map(near), ...range(6).map(far)]);
      const place = { userId: chat.userId };
      let round = 0;
      const hits = await hitsInPages(
        (cursor) => search(query, chat.userId, withCursor({ threshold: null, strategy, limit: 8 }, cursor)),
        async () => {
          // Above the cursor and below it, some gone and some new.
          for (const vectorId of fleeting.slice(2 * round, 2 * round + 2)) {
            await must(store().vectors.delete({ ...place, vectorId }));
          }
          round += 1;
          await addVectors(store(), chat, [near(100 + round), far(100 + round), near(200 + round)]);
        },
      );
      expect(round).toBeGreaterThan(7);
      expect(new Set(ids(hits)).size).toBe(hits.length);
      const order = [...hits].sort(
        (one, other) => other.similarity - one.similarity || (one.id < other.id ? -1 : 1),
      );
      expect(ids(hits)).toEqual(ids(order));
      const found = new Set(ids(hits));
      expect(kept.filter((id) => !found.has(id))).toEqual([]);
    });

    it('tells how it found them', async () => {
      const first = await search(query, owner.userId, { threshold: null, strategy, limit: 5 });
      expect(first).toMatchObject({ strategy, scopeRows: 51, underfilled: false, retried: false });
      expect(first.candidates).toBeGreaterThanOrEqual(strategy === 'exact' ? 51 : 10);
      expect(first.candidates).toBeLessThanOrEqual(51);
      expect(first.serverMs).toBeGreaterThanOrEqual(0);
      expect(first.serverMs).toBeLessThan(10_000);
    });
  });

  describe('vectorSearch.search', () => {
    let owner: Owner;
    let cursor: string;
    const options: SearchOptions = { threshold: 0, limit: 2 };
    beforeAll(async () => {
      owner = await aUserWith(
        store(),
        range(20).map((seed) => mixOf(query, coded(seed), 0.6)),
      );
      const { nextCursor } = await search(query, owner.userId, options);
      cursor = nextCursor ?? '';
    });

    it('goes on with another page size, another strategy and with context', async () => {
      const { hits } = await search(query, owner.userId, { ...options, limit: 12 });
      const more: SearchOptions[] = [{ limit: 10 }, ...STRATEGIES.map((strategy) => ({ strategy }))];
      for (const change of [...more, { candidates: 1 }, { efSearch: 200 }]) {
        const page = await search(query, owner.userId, { ...options, cursor, ...change });
        expect(page.hits).toEqual(hits.slice(2, 2 + (change.limit ?? 2)));
      }
      const page = await search(query, owner.userId, { ...options, cursor, context: { before: 1 } });
      expect(ids(page.hits)).toEqual(ids(hits.slice(2, 4)));
    });

    it('refuses the cursor of another search', async () => {
      const { vectorSearch } = store();
      const other = await aUserWith(store(), [query]);
      const refused = [
        vectorSearch.search(query, other.userId, { ...options, cursor }),
        vectorSearch.search(coded(1), owner.userId, { ...options, cursor }),
        vectorSearch.search(query, owner.userId, { ...options, threshold: null, cursor }),
        vectorSearch.search(query, owner.userId, { ...options, chatId: owner.chatId, cursor }),
        vectorSearch.search(query, owner.userId, { ...options, filter: { roles: ['user'] }, cursor }),
        vectorSearch.search(query, owner.userId, { ...options, cursor: cursor.slice(1) }),
        vectorSearch.search(query, owner.userId, { ...options, cursor: '' }),
        vectorSearch.semanticSearch(query, owner.userId, { ...options, cursor } as SearchOptions),
      ];
      for (const call of refused) {
        expect(await failure<unknown, unknown>(call)).toMatchObject({
          kind: 'invalid-input',
          issues: [{ path: 'cursor' }],
        });
      }
    });

    it('has no next page behind the last hit', async () => {
      const answer = await search(query, owner.userId, { threshold: null, limit: 21 });
      expect(answer).toMatchObject({ nextCursor: null, underfilled: true });
      expect(answer.hits).toHaveLength(20);
      const exactly = await search(query, owner.userId, { threshold: null, limit: 20 });
      expect(exactly.underfilled).toBe(false);
      const rest = { threshold: null, limit: 20, cursor: exactly.nextCursor ?? '' };
      const end = await search(query, owner.userId, rest);
      expect(end).toMatchObject({ hits: [], nextCursor: null, underfilled: true });
    });

    it('starts with codes, and takes exact once it knows that the scope is small', async () => {
      const { userId } = await aUserWith(
        store(),
        range(30).map((seed) => coded(seed)),
      );
      const strategies = [];
      for (let call = 0; call < 3; call += 1) strategies.push((await search(query, userId)).strategy);
      expect(strategies).toEqual(['codes', 'exact', 'exact']);
    });

    it('gives the same hits as semanticSearch', async () => {
      const { hits } = await search(query, owner.userId, { limit: 5, threshold: null });
      const plain = await must(
        store().vectorSearch.semanticSearch(query, owner.userId, { limit: 5, threshold: null }),
      );
      expect(plain).toEqual(hits);
    });

    it('compares as many candidates as it is told, and never fewer than the page needs', async () => {
      const codes = { strategy: 'codes', threshold: null } as const;
      const candidatesOf = async (given: SearchOptions) =>
        (await search(query, owner.userId, { ...codes, ...given })).candidates;
      expect(await candidatesOf({ candidates: 12 })).toBe(12);
      expect(await candidatesOf({ candidates: 1, limit: 5 })).toBe(5);
      expect(await candidatesOf({ candidates: 20_000 })).toBe(20);
    });

    it('finds nothing for an empty user, an unknown user and an unknown chat, by any strategy', async () => {
      const empty = await createUserWithChat(store());
      for (const strategy of [undefined, ...STRATEGIES]) {
        const chosen = { threshold: null, ...(strategy && { strategy }) };
        const answers = [
          await search(query, empty.userId, chosen),
          await search(query, randomUUID(), chosen),
          await search(query, owner.userId, { ...chosen, chatId: randomUUID() }),
          await search(query, owner.userId, { ...chosen, chatId: empty.chatId }),
          await search(query, empty.userId, { ...chosen, chatId: owner.chatId }),
        ];
        for (const answer of answers) {
          expect(answer).toMatchObject({
            hits: [],
            nextCursor: null,
            scopeRows: 0,
            candidates: 0,
            underfilled: true,
          });
        }
      }
    });

    it('stays in the chat, by any strategy', async () => {
      const chat = await createUserWithChat(store());
      const { id: second } = await must(store().chats.create({ userId: chat.userId, title: 'Second' }));
      await addVectors(
        store(),
        chat,
        range(30).map((seed) => coded(seed)),
      );
      const inSecond = await must(
        store().vectors.insertMany({
          userId: chat.userId,
          vectors: range(5).map((seed) => aVector({ chatId: second, embedding: coded(50 + seed) })),
        }),
      );
      for (const strategy of [undefined, ...STRATEGIES]) {
        const chosen = { threshold: null, chatId: second, ...(strategy && { strategy }) };
        const answer = await search(query, chat.userId, chosen);
        expect(ids(answer.hits).sort()).toEqual([...inSecond].sort());
        expect(answer.scopeRows).toBe(5);
      }
    });
  });

  describe('vectorSearch.explain', () => {
    it('tells the strategy and the plan, without a number of the embedding', async () => {
      const { userId } = await aUserWith(
        store(),
        range(30).map((seed) => coded(seed)),
      );
      for (const strategy of STRATEGIES) {
        for (const filter of [{}, { filter: { metadata: { field: 'a', eq: 'b' } } }]) {
          const explained = await must(
            store().vectorSearch.explain(query, userId, { strategy, threshold: null, ...filter }),
          );
          expect(explained.strategy).toBe(strategy);
          expect(explained.candidates).toBeGreaterThanOrEqual(10);
          const text = JSON.stringify(explained);
          expect(text).toContain('"Node Type"');
          expect(text).toContain('"Actual Rows"');
          for (const number of query.subarray(0, 20)) expect(text).not.toContain(`${number}`.slice(0, 6));
          expect(text).not.toMatch(/[01]{20}/);
        }
      }
    });
  });
}
