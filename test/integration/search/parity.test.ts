import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import type { SearchOptions } from '../../../src/search/vector-search.js';
import {
  aMessage,
  aUser,
  aVector,
  createServerStore,
  must,
  type ServerStore,
} from '../../support/builders.js';
import { CODED, coded, hitsInPages, range, STRATEGIES, withCursor } from '../../support/search-data.js';
import { seededRandom } from '../../support/seeded-random.js';

const ROWS = 400;
const MESSAGES = 100;

/** The same ids in both databases. */
const idOf = (kind: number, number: number) =>
  `00000000-0000-4000-8000-${(kind * 1_000_000 + number).toString(16).padStart(12, '0')}`;
const USER = idOf(1, 0);
const CHATS = [idOf(2, 0), idOf(2, 1)] as const;
const chatOf = (number: number) => CHATS[number % 3 === 0 ? 1 : 0];

async function fill(store: MacroStore): Promise<void> {
  await must(store.users.create(aUser({ id: USER })));
  for (const id of CHATS) await must(store.chats.create({ id, userId: USER, title: 'A chat' }));
  for (const chatId of CHATS) {
    const messages = range(MESSAGES)
      .filter((number) => chatOf(number) === chatId)
      .map((number) =>
        aMessage({
          id: idOf(3, number),
          role: number % 2 === 0 ? 'user' : 'assistant',
          content: `${number}`,
        }),
      );
    await must(store.messages.appendMany({ userId: USER, chatId, messages }));
  }
  const vectors = range(ROWS).map((number) =>
    aVector({
      id: idOf(4, number),
      chatId: chatOf(number),
      messageId: number < MESSAGES ? idOf(3, number) : null,
      content: `Text ${number}`,
      metadata: { number, language: number % 4 === 0 ? 'de' : 'en' },
      // Every tenth is the same as the one before it.
      embedding: coded(number % 10 === 9 ? number - 1 : number),
    }),
  );
  await must(store.vectors.insertMany({ userId: USER, vectors }));
}

const OPTIONS: Readonly<Record<string, SearchOptions>> = {
  'nothing said': {},
  'no threshold': { threshold: null },
  'all there is': { threshold: null, limit: 1_000 },
  'a threshold': { threshold: 0.05, limit: 200 },
  'a chat': { threshold: null, chatId: CHATS[1], limit: 50 },
  metadata: { threshold: null, filter: { metadata: { field: 'language', eq: 'de' } }, limit: 30 },
  'a list of values': {
    threshold: null,
    filter: { metadata: { field: 'number', in: range(50) } },
    limit: 30,
  },
  roles: { threshold: null, filter: { roles: ['assistant'] }, limit: 30 },
  messages: { threshold: null, filter: { messageIds: range(40).map((number) => idOf(3, number)) } },
  'a time': { threshold: null, filter: { createdAt: { from: new Date(0), until: new Date(1e13) } } },
  context: {
    threshold: null,
    filter: { roles: ['user'] },
    context: { before: 2, after: 1 },
  },
  diversity: { threshold: null, diversity: 0.4 },
  'few candidates': { threshold: null, candidates: 10 },
};

/** What an answer says, but for times and what the clock gave. */
const toldBy = async (store: MacroStore, query: Float32Array, options: SearchOptions) => {
  const answer = await must(store.vectorSearch.search(query, USER, options));
  const { hits, nextCursor, serverMs: _, ...figures } = answer;
  return {
    ...figures,
    hasNext: nextCursor !== null,
    hits: hits.map(({ similarity, createdAt: _at, context, ...hit }) => ({
      ...hit,
      ...(context && {
        before: context.before.map(({ content }) => content),
        after: context.after.map(({ content }) => content),
      }),
    })),
    similarities: hits.map(({ similarity }) => similarity),
  };
};

describe('PostgreSQL and PGlite', () => {
  const config = { embedding: CODED, search: { indexedMetadata: ['language'] } };
  let made: ServerStore;
  let server: MacroStore;
  let embedded: MacroStore;
  beforeAll(async () => {
    made = await createServerStore({ embedding: CODED, hnsw: 'build' });
    server = createMacroStore({ ...config, database: { url: made.database.url, max: 2 } });
    embedded = createMacroStore(config);
    await must(embedded.migrate({ hnsw: 'build' }));
    for (const store of [server, embedded]) await fill(store);
  });
  afterAll(async () => {
    for (const store of [server, embedded]) await store.close();
    await made[Symbol.asyncDispose]();
  });

  const agree = async (query: Float32Array, options: SearchOptions) => {
    const { similarities, ...expected } = await toldBy(server, query, options);
    const { similarities: others, ...told } = await toldBy(embedded, query, options);
    expect(told).toEqual(expected);
    similarities.forEach((similarity, place) => {
      expect(Math.abs((others[place] ?? Number.NaN) - similarity)).toBeLessThan(1e-6);
    });
    return expected.hits.length;
  };

  it.each(Object.entries(OPTIONS))('give the same hits for %s, by any strategy', async (_name, options) => {
    let hits = 0;
    for (const seed of [1_001, 1_002]) {
      for (const strategy of STRATEGIES) hits += await agree(coded(seed), { ...options, strategy });
      // Nearer than any threshold.
      hits += await agree(coded(seed % 1_000), options);
    }
    expect(hits).toBeGreaterThan(0);
  });

  it('give the same hits for any mixture of options', async () => {
    const random = seededRandom(1);
    const values = Object.values(OPTIONS);
    const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)];
    for (let run = 0; run < 40; run += 1) {
      const mixed = Object.assign({}, pick(values), pick(values), pick(values)) as SearchOptions;
      const { diversity: _, ...plain } = mixed;
      const strategy = pick(STRATEGIES);
      const options = (mixed.limit ?? 10) > 100 ? plain : mixed;
      await agree(coded(5_000 + run), { ...options, ...(strategy && { strategy }) });
    }
  });

  it('give the same pages', async () => {
    for (const strategy of STRATEGIES) {
      const [ranking, other] = await Promise.all(
        [server, embedded].map((store) =>
          hitsInPages((cursor) =>
            must(
              store.vectorSearch.search(
                coded(1_001),
                USER,
                withCursor({ threshold: null, limit: 60, strategy }, cursor),
              ),
            ),
          ),
        ),
      );
      expect(other?.map(({ id }) => id)).toEqual(ranking?.map(({ id }) => id));
    }
  });
});
