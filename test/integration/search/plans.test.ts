import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { hnswIndexName } from '../../../src/schema/vector-index-names.js';
import type { SearchOptions } from '../../../src/search/vector-search.js';
import { createServerStore, must, type ServerStore } from '../../support/builders.js';
import { buffersOf } from '../../support/explain.js';
import { liftedTo1536 } from '../../support/lifted.js';
import {
  indexesReadBy,
  isSearch,
  type LivePlan,
  plansOf,
  ranNodesOf,
  tablesReadBy,
  tellPlans,
} from '../../support/live-plans.js';
import { aUserWith, CODED, type Owner, STRATEGIES } from '../../support/search-data.js';
import { readSgdSample } from '../../support/sgd.js';
import { embeddingIn, fillTable, type TableUser, vacuum } from '../../support/vector-table.js';

const HNSW = hnswIndexName('chat_vectors');
const COVERING = 'idx_chat_vectors_user_id_chat_id';
const BY_MESSAGE = 'idx_chat_vectors_message_id';
const KEY = 'chat_vectors_pkey';
const MESSAGE = 'chat_messages_user_id_id_key';
const MODES = ['auto', 'force_generic_plan', 'force_custom_plan'] as const;

/** A store on one connection of its own, planning in the given mode, and the plans of its searches. */
async function watched(made: ServerStore, mode: (typeof MODES)[number] = 'auto', embedding = CODED) {
  const { database } = made;
  await database.query(`alter database ${database.name} set plan_cache_mode = ${mode}`);
  const store = createMacroStore({ database: { url: database.url, max: 1 }, embedding });
  const plans = plansOf(store.pool);
  return {
    store,
    /** The plan of the search; of one that was repeated, the first. */
    plan(): LivePlan {
      const [plan] = plans.take().filter(isSearch);
      if (plan === undefined) throw new Error('nothing was searched');
      return plan;
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
}

/** Which indexes a search must read, and no table from end to end. */
const expectedIndexes = (
  strategy: (typeof STRATEGIES)[number],
  options: SearchOptions,
  isMeasured: boolean,
) => {
  const inMessages = options.filter?.messageIds !== undefined;
  const scope = inMessages ? BY_MESSAGE : COVERING;
  const expected = new Set<string>([strategy === 'hnsw' && !inMessages ? HNSW : scope]);
  if (strategy === 'codes') expected.add(KEY);
  if (isMeasured) expected.add(scope);
  if (options.filter?.roles !== undefined) expected.add(MESSAGE);
  return [...expected].sort();
};

const TABLES: Readonly<Record<string, readonly number[]>> = {
  'one user alone': [2_000],
  'users of every size': [2_000, 500, 60, ...Array.from({ length: 30 }, () => 8)],
};

describe.each(Object.entries(TABLES))('search in a table of %s', (_name, sizes) => {
  let made: ServerStore;
  let users: readonly TableUser[];
  let query: Float32Array;
  beforeAll(async () => {
    made = await createServerStore({ embedding: CODED });
    users = await fillTable(made.database, { sizes, dimensions: CODED.dimensions });
    query = await embeddingIn(made.database, users[0] as TableUser);
    await must(made.store.migrate({ hnsw: 'build' }));
    await vacuum(made.database);
    await tellPlans(made.database);
  });
  afterAll(() => made[Symbol.asyncDispose]());

  /** Twice: the first search in a scope counts its rows, the second does not. */
  const bothPlans = async (
    { store, plan }: { store: MacroStore; plan(): LivePlan },
    userId: string,
    options: SearchOptions,
  ) => {
    await must(store.vectorSearch.search(query, userId, options));
    const measured = plan();
    await must(store.vectorSearch.search(query, userId, options));
    return { measured, plain: plan() };
  };

  it.each(MODES)(
    'goes by the same indexes for everybody, reading no table from end to end, %s',
    async (mode) => {
      const [large, small] = [users[0] as TableUser, users.at(-1) as TableUser];
      const [{ id: messageId } = { id: '' }] = await made.database.query<{ id: string }>(
        'select id from chat_messages where user_id = $1 limit 1',
        [large.userId],
      );
      for (const strategy of STRATEGIES) {
        for (const inScope of ['user', 'chat', 'messages'] as const) {
          for (const isFiltered of [false, true]) {
            await using watch = await watched(made, mode);
            for (const { userId, chatIds } of [large, small, large]) {
              const filter = {
                ...(inScope === 'messages' && { messageIds: [messageId] }),
                ...(isFiltered && {
                  metadata: { field: 'number', gte: 0 },
                  roles: ['user', 'tool'] as const,
                }),
              };
              const options: SearchOptions = {
                strategy,
                threshold: null,
                limit: 4,
                filter,
                ...(inScope === 'chat' && { chatId: chatIds[0] ?? '' }),
              };
              const { measured, plain } = await bothPlans(watch, userId, options);
              const what = `${strategy} ${inScope} ${isFiltered ? 'filtered' : ''}`;
              for (const plan of [measured, plain]) expect(tablesReadBy(plan), what).toEqual([]);
              // A scope of messages is counted anew every time; the user whose they are not has no roles looked up.
              const isMeasured = inScope === 'messages' || userId !== large.userId || plain === measured;
              const indexes = expectedIndexes(strategy, options, isMeasured && inScope === 'messages');
              const read = indexesReadBy(plain).filter((index) => index !== MESSAGE || isFiltered);
              expect(new Set([...read, ...(isFiltered ? [MESSAGE] : [])]), what).toEqual(new Set(indexes));
            }
          }
        }
      }
    },
  );

  it.each(MODES)('reads codes from the covering index alone, %s', async (mode) => {
    await using watch = await watched(made, mode);
    for (const { userId, chatIds } of users.slice(0, 3)) {
      for (const scope of [{}, { chatId: chatIds[0] ?? '' }]) {
        const { measured, plain } = await bothPlans(watch, userId, { strategy: 'codes', ...scope });
        for (const { plan } of [measured, plain]) {
          const nodes = ranNodesOf(plan).filter((node) => node['Index Name'] === COVERING);
          expect(new Set(nodes.map((node) => node['Node Type']))).toEqual(new Set(['Index Only Scan']));
        }
      }
    }
  });

  it('keeps its plan from the first call to the tenth, whoever begins', async () => {
    const orders = [
      [users[0], users.at(-1)],
      [users.at(-1), users[0]],
    ] as TableUser[][];
    for (const strategy of STRATEGIES) {
      const seen = new Set<string>();
      for (const [first, second] of orders) {
        await using watch = await watched(made);
        for (const user of [...Array(10).fill(first), ...Array(10).fill(second), first]) {
          const options = { strategy, threshold: null, limit: 3 };
          await must(watch.store.vectorSearch.search(query, (user as TableUser).userId, options));
          const plan = watch.plan();
          // The first search of each also counts.
          seen.add(
            indexesReadBy(plan)
              .filter((index) => strategy !== 'hnsw' || index === HNSW)
              .join(),
          );
        }
      }
      expect([...seen], strategy).toHaveLength(1);
    }
  });

  it('walks the graph for any limit and efSearch, in any order of them', async () => {
    await using watch = await watched(made);
    const { userId, chatIds } = users[0] as TableUser;
    const wide = Array.from({ length: 8 }, () => ({ efSearch: 1_000 }));
    const narrow = Array.from({ length: 8 }, () => ({ efSearch: 1 }));
    for (const scope of [{}, { chatId: chatIds[0] ?? '' }]) {
      for (const options of [...wide, ...narrow, { limit: 500 }, { limit: 1 }, {}]) {
        await must(
          watch.store.vectorSearch.search(query, userId, { strategy: 'hnsw', ...scope, ...options }),
        );
        const plan = watch.plan();
        expect(indexesReadBy(plan)).toContain(HNSW);
        expect(tablesReadBy(plan)).toEqual([]);
      }
    }
  });

  it('ranks codes for the many at once by the same index', async () => {
    await using watch = await watched(made);
    for (const strategy of STRATEGIES) {
      const batch = [query, query.map((x) => -x)];
      const options = { strategy, threshold: null } as const;
      const found = await must(watch.store.vectorSearch.searchMany(batch, users[0]?.userId ?? '', options));
      expect(found.map((hits) => hits.length)).toEqual([10, 10]);
      const plan = watch.plan();
      expect(tablesReadBy(plan)).toEqual([]);
      expect(indexesReadBy(plan)).toContain(strategy === 'hnsw' ? HNSW : COVERING);
    }
  });
});

describe('search in 1,536 dimensions', () => {
  const MAX_BUFFERS = 300;
  const shape = { dimensions: 1_536, column: 'vector' } as const;
  let made: ServerStore;
  let owners: readonly Owner[];
  const { docs, queries } = readSgdSample();
  beforeAll(async () => {
    made = await createServerStore({ embedding: shape });
    const embeddings = docs.map(({ embedding }) => liftedTo1536(embedding));
    owners = [
      await aUserWith(made.store, embeddings.slice(0, 2_000)),
      await aUserWith(made.store, embeddings.slice(1_900, 2_400)),
    ];
    await vacuum(made.database);
    await tellPlans(made.database);
  });
  afterAll(() => made[Symbol.asyncDispose]());

  it(`looks at ${MAX_BUFFERS} pages at most, for 500 rows and for 2,000`, async () => {
    await using watch = await watched(made, 'auto', shape);
    for (const { userId } of owners) {
      // The first of a minute reads the index once more, to count.
      await must(
        watch.store.vectorSearch.search(liftedTo1536(queries[99]?.embedding ?? new Float32Array()), userId),
      );
      watch.plan();
      for (const { embedding } of queries.slice(0, 30)) {
        const answer = await must(watch.store.vectorSearch.search(liftedTo1536(embedding), userId));
        expect(answer.strategy).toBe('codes');
        expect(buffersOf(watch.plan().plan)).toBeLessThanOrEqual(MAX_BUFFERS);
      }
    }
  });
});
