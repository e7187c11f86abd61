import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { hnswIndexName, partialHnswIndexName } from '../../../src/schema/vector-index-names.js';
import type { SearchOptions } from '../../../src/search/vector-search.js';
import {
  anEmbedding,
  aVector,
  createServerStore,
  failure,
  must,
  type ServerStore,
} from '../../support/builders.js';
import { indexesReadBy, isSearch, plansOf, tablesReadBy, tellPlans } from '../../support/live-plans.js';
import { addVectors, aUserWith, CODED, coded, mixOf, range, STRATEGIES } from '../../support/search-data.js';
import { embeddingIn, fillTable, type TableUser, vacuum } from '../../support/vector-table.js';

const HNSW = hnswIndexName('chat_vectors');
const COVERING = 'idx_chat_vectors_user_id_chat_id';
const ROLES = { roles: ['user'] } as const;

let made: ServerStore;
/** Most of the table; and a hundredth of it. */
let large: TableUser;
let small: TableUser;
let store: MacroStore;
let plans: ReturnType<typeof plansOf>;
let query: Float32Array;

beforeAll(async () => {
  made = await createServerStore({ embedding: CODED });
  const users = await fillTable(made.database, { sizes: [3_700, 700, 40], dimensions: CODED.dimensions });
  [large, small] = [users[0] as TableUser, users[2] as TableUser];
  query = await embeddingIn(made.database, large);
  await must(made.store.migrate({ hnsw: 'build' }));
  await vacuum(made.database);
  await tellPlans(made.database);
});
afterAll(() => made[Symbol.asyncDispose]());

// A store that knows nothing yet, on a single connection.
beforeEach(() => {
  store = createMacroStore({ database: { url: made.database.url, max: 1 }, embedding: CODED });
  plans = plansOf(store.pool);
});
afterEach(() => store.close());

const search = (userId: string, options: SearchOptions = {}) =>
  must(store.vectorSearch.search(query, userId, { threshold: null, ...options }));

/** The exact answer, by another store. */
const truth = async (userId: string, options: SearchOptions = {}) => {
  const exact = { threshold: null, ...options, strategy: 'exact' } as const;
  return (await must(made.store.vectorSearch.search(query, userId, exact))).hits;
};

/** What the searches of the store read since the last time. */
const reads = () => {
  const searches = plans.take().filter(isSearch);
  return { tables: searches.flatMap(tablesReadBy), indexes: searches.map(indexesReadBy) };
};

/** A store that has learned the size of the user, and the indexes of the table. */
const learn = async (userId: string) => {
  await search(userId);
  const { strategy } = await search(userId);
  plans.take();
  return strategy;
};

const withoutHnsw: Record<string, { take: () => Promise<unknown>; giveBack: () => Promise<unknown> }> = {
  invalid: {
    take: () => setFlag('indisvalid', false),
    giveBack: () => setFlag('indisvalid', true),
  },
  'not ready': {
    take: () => setFlag('indisready', false),
    giveBack: () => setFlag('indisready', true),
  },
  missing: {
    take: () => made.database.query(`alter index ${HNSW} rename to elsewhere`),
    giveBack: () => made.database.query(`alter index elsewhere rename to ${HNSW}`),
  },
};
const setFlag = (flag: string, value: boolean) =>
  made.database.query(`update pg_index set ${flag} = $1 where indexrelid = '${HNSW}'::regclass`, [value]);

describe.each(Object.entries(withoutHnsw))('an HNSW index that is %s', (_name, { take, giveBack }) => {
  afterEach(giveBack);

  it('is not used, and nothing else reads the whole table in its place', async () => {
    await take();
    for (const filter of [undefined, ROLES]) {
      const options = filter === undefined ? {} : { filter };
      for (const { userId, chatIds } of [large, small]) {
        for (const scope of [{}, { chatId: chatIds[0] ?? '' }]) {
          const answer = await search(userId, { ...options, ...scope, strategy: 'hnsw' });
          expect(answer.hits).toEqual(await truth(userId, { ...options, ...scope }));
          expect(answer).toMatchObject({ retried: true, underfilled: answer.hits.length < 10 });
          expect(answer.strategy).not.toBe('hnsw');
        }
      }
    }
    const { tables, indexes } = reads();
    expect(tables).toEqual([]);
    expect(indexes.flat()).not.toContain(HNSW);
    expect(indexes.flat()).toContain(COVERING);
  });

  it('is noticed by the search that had counted on it, and by those after it', async () => {
    expect(await learn(large.userId)).toBe('hnsw');
    // Past the fifth call, from where a prepared statement is no longer planned anew.
    for (let call = 0; call < 6; call += 1) expect((await search(large.userId)).strategy).toBe('hnsw');
    plans.take();
    await take();
    const first = await search(large.userId);
    expect(first).toMatchObject({ strategy: 'codes', retried: true, underfilled: false });
    expect(first.hits).toHaveLength(10);
    expect(await search(large.userId)).toMatchObject({ strategy: 'codes', retried: false });
    const { tables, indexes } = reads();
    expect(tables).toEqual([]);
    expect(indexes.flat()).not.toContain(HNSW);
  });
});

describe('a dropped HNSW index', () => {
  it('leaves every search right', async () => {
    await using other = await createServerStore({ embedding: CODED });
    const owner = await aUserWith(other.store, range(300).map(coded));
    await must(other.store.migrate({ hnsw: 'build' }));
    const ranking = async () => {
      const options = { strategy: 'hnsw', threshold: null } as const;
      return must(other.store.vectorSearch.search(coded(999), owner.userId, options));
    };
    const before = await ranking();
    expect(before).toMatchObject({ strategy: 'hnsw', retried: false });
    await other.database.query(`drop index ${HNSW}`);
    const after = await ranking();
    expect(after).toMatchObject({ strategy: 'exact', retried: true });
    expect(after.hits).toEqual(before.hits);
  });
});

describe('a walk of the graph that gives up', () => {
  beforeAll(() => made.database.query(`alter database ${made.database.name} set hnsw.max_scan_tuples = 1`));
  afterAll(() => made.database.query(`alter database ${made.database.name} reset hnsw.max_scan_tuples`));

  it('is made good by another strategy', async () => {
    const answer = await search(small.userId, { strategy: 'hnsw', limit: 40 });
    expect(answer).toMatchObject({ strategy: 'exact', retried: true, underfilled: false });
    expect(answer.hits).toEqual(await truth(small.userId, { limit: 40 }));
  });

  it('is made good also where the user has more rows by now than were counted', async () => {
    const near = (seed: number) => mixOf(query, coded(40_000 + seed), 0.9);
    const owner = await aUserWith(store, range(4).map(near));
    await search(owner.userId);
    await addVectors(store, owner, [...range(6).map((seed) => near(10 + seed)), ...range(30).map(coded)]);
    const answer = await search(owner.userId, { strategy: 'hnsw', limit: 20 });
    expect(answer.hits).toHaveLength(20);
    expect(answer).toMatchObject({ underfilled: false, retried: true });
    await must(store.users.delete(owner.userId));
  });
});

describe('statistics that are missing', () => {
  const forget = () =>
    made.database.query(`with gone as (delete from pg_statistic where starelid in ('chat_vectors'::regclass, 'chat_messages'::regclass))
      update pg_class set reltuples = -1, relallvisible = 0 where oid in ('chat_vectors'::regclass, 'chat_messages'::regclass)`);
  afterAll(() => vacuum(made.database));

  it('change no answer, and no index by which it is found', async () => {
    await forget();
    for (const strategy of STRATEGIES) {
      for (const { userId } of [large, small]) {
        for (const filter of [undefined, ROLES]) {
          const options = { strategy, ...(filter && { filter }) };
          const answer = await search(userId, options);
          expect(answer.hits).toEqual(await truth(userId, options));
          const { tables, indexes } = reads();
          expect(tables, strategy).toEqual([]);
          expect(indexes[0]).toContain(strategy === 'hnsw' ? HNSW : COVERING);
        }
      }
    }
  });

  it('leave the choice to what the searches count', async () => {
    await forget();
    expect(await learn(small.userId)).toBe('exact');
    expect(await learn(large.userId)).toBe('hnsw');
  });
});

describe('a filter that matches nothing', () => {
  it('finds nothing by any strategy, and walks no further than it must', async () => {
    const filters = [
      { metadata: { field: 'tag', eq: 'no such tag' } },
      { roles: ['tool' as const], metadata: { field: 'number', lt: 0 } },
      { createdAt: { until: new Date(0) } },
      { messageIds: [crypto.randomUUID()] },
    ];
    for (const filter of filters) {
      for (const strategy of [undefined, ...STRATEGIES]) {
        const answer = await search(large.userId, { filter, ...(strategy && { strategy }) });
        expect(answer).toMatchObject({ hits: [], underfilled: true, nextCursor: null });
      }
    }
    expect(reads().tables).toEqual([]);
  });
});

describe('embeddings without a direction', () => {
  it('are refused by the store, and NULL by the database', async () => {
    const { userId, chatIds } = small;
    const zeros = aVector({ chatId: chatIds[0] ?? '', embedding: new Float32Array(CODED.dimensions) });
    const vectors = { userId, vectors: [zeros] };
    expect(await failure(store.vectors.insertMany(vectors))).toMatchObject({ kind: 'invalid-input' });
    expect(await failure(store.vectors.insert({ userId, ...zeros }))).toMatchObject({
      kind: 'invalid-input',
    });
    const search = store.vectorSearch.search(new Float32Array(CODED.dimensions), userId);
    expect(await failure(search)).toMatchObject({
      kind: 'invalid-input',
      issues: [{ path: 'queryEmbedding' }],
    });
    await expect(
      made.database.query(`update chat_vectors set embedding = null where user_id = $1`, [userId]),
    ).rejects.toMatchObject({ code: '23502' });
  });

  it('that others have put into the table take no place on a page, however near their code is', async () => {
    // Its code is that of zeros.
    const negative = coded(1).map((x) => -Math.abs(x));
    const owner = await aUserWith(store, [...range(150).map(() => negative), ...range(20).map(coded)]);
    await made.database.query(
      `update chat_vectors set embedding = array_fill(0, array[${CODED.dimensions}])::vector where id = any ($1)`,
      [owner.ids.slice(0, 150)],
    );
    const real = new Set(owner.ids.slice(150));
    for (const strategy of [undefined, ...STRATEGIES]) {
      for (const limit of [10, 20, 50]) {
        const options = { threshold: null, limit, ...(strategy && { strategy }) };
        const { hits, underfilled } = await must(store.vectorSearch.search(negative, owner.userId, options));
        expect(hits, `${strategy}, ${limit}`).toHaveLength(Math.min(limit, 20));
        expect(hits.every(({ id }) => real.has(id))).toBe(true);
        expect(underfilled).toBe(limit > 20);
      }
    }
    await must(store.users.delete(owner.userId));
  });
});

describe('a partial HNSW index', () => {
  it('is used for its user alone', async () => {
    const partial = partialHnswIndexName('chat_vectors', large.userId);
    await made.database.query(`create index ${partial} on chat_vectors using hnsw (embedding vector_cosine_ops)
      where user_id = '${large.userId}'`);
    try {
      for (const chatId of [undefined, large.chatIds[0]]) {
        const options = { strategy: 'hnsw' as const, ...(chatId && { chatId }) };
        const answer = await search(large.userId, options);
        expect(answer).toMatchObject({ strategy: 'hnsw', retried: false });
        const exact = new Set((await truth(large.userId, options)).map(({ id }) => id));
        expect(answer.hits.filter(({ id }) => exact.has(id)).length).toBeGreaterThanOrEqual(9);
        expect(reads().indexes[0]).toContain(partial);
        await search(small.userId, { strategy: 'hnsw' });
        const [ofSmall] = reads().indexes;
        expect(ofSmall).toContain(HNSW);
        expect(ofSmall).not.toContain(partial);
      }
      expect(await learn(large.userId)).toBe('hnsw');
    } finally {
      await made.database.query(`drop index ${partial}`);
    }
    expect(await search(large.userId, { strategy: 'hnsw' })).toMatchObject({
      retried: true,
      underfilled: false,
    });
    expect(await search(large.userId, { strategy: 'hnsw' })).toMatchObject({
      strategy: 'hnsw',
      retried: false,
    });
  });
});

describe('3,072 dimensions', () => {
  it('are searched as halfvec, by every strategy', async () => {
    const shape = { dimensions: 3_072, column: 'halfvec' } as const;
    await using wide = await createServerStore({ embedding: shape, hnsw: 'build' });
    const embeddings = range(60).map((seed) => anEmbedding(seed, shape.dimensions));
    const owner = await aUserWith(wide.store, embeddings);
    await aUserWith(wide.store, embeddings);
    const query = anEmbedding(777, shape.dimensions);
    const find = (options: SearchOptions) =>
      must(wide.store.vectorSearch.search(query, owner.userId, { threshold: null, limit: 20, ...options }));
    const { hits } = await find({ strategy: 'exact' });
    expect(hits).toHaveLength(20);
    for (const strategy of STRATEGIES) {
      const answer = await find({ strategy, efSearch: 200 });
      expect(answer).toMatchObject({ strategy, retried: false, scopeRows: 60 });
      expect(answer.hits).toEqual(hits);
      const diverse = await find({ strategy, diversity: 0.5, limit: 5 });
      expect(diverse.hits[0]).toEqual(hits[0]);
    }
    const [self] = (await must(wide.store.vectorSearch.search(embeddings[7] ?? query, owner.userId))).hits;
    expect(self).toMatchObject({ id: owner.ids[7], similarity: expect.closeTo(1, 4) });
  });
});
