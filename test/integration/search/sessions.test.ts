import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import type { SearchOptions } from '../../../src/search/vector-search.js';
import { createServerStore, failure, must, type ServerStore, TINY } from '../../support/builders.js';
import { isSearch, plansOf, tellPlans } from '../../support/live-plans.js';
import { startPgBouncer } from '../../support/pgbouncer.js';
import { until } from '../../support/until.js';
import { embeddingIn, fillTable, type TableUser, vacuum } from '../../support/vector-table.js';

/** What a session says of the settings that searches need. */
interface Settings {
  readonly jit: string;
  readonly scan: string | null;
  readonly ef: string | null;
  readonly most: string | null;
  readonly sort: string;
}
const SETTINGS = `select current_setting('jit') as jit, current_setting('hnsw.iterative_scan', true) as scan,
  current_setting('hnsw.ef_search', true) as ef, current_setting('hnsw.max_scan_tuples', true) as most,
  current_setting('enable_sort') as sort`;
const UNTOUCHED: Settings = { jit: 'on', scan: 'off', ef: '40', most: '20000', sort: 'on' };
const FILTER = { roles: ['user'] } as const;

let made: ServerStore;
let users: readonly TableUser[];
let query: Float32Array;

beforeAll(async () => {
  made = await createServerStore({ hnsw: 'build' });
  users = await fillTable(made.database, { sizes: [3_000, 60], dimensions: TINY.dimensions });
  query = await embeddingIn(made.database, users[1] as TableUser);
  await vacuum(made.database);
  await made.database.query(`alter database ${made.database.name} set jit = on`);
  await tellPlans(made.database);
});
afterAll(() => made[Symbol.asyncDispose]());

const userOf = (index: number): string => users[index]?.userId ?? '';

/** Each strategy, plain and filtered, for a user with most of the rows and for one with few, past the sixth call of each. */
async function searchAll(store: MacroStore): Promise<void> {
  for (let call = 0; call < 7; call += 1) {
    for (const strategy of ['exact', 'codes', 'hnsw'] as const) {
      for (const userId of [userOf(0), userOf(1)]) {
        for (const filter of [undefined, FILTER]) {
          const options: SearchOptions = { threshold: null, limit: 5, strategy, ...(filter && { filter }) };
          const { hits } = await must(store.vectorSearch.search(query, userId, options));
          expect(hits).toHaveLength(5);
        }
      }
    }
  }
}

async function hnswGivesAFullPage(store: MacroStore): Promise<void> {
  // Two of a hundred rows: without an iterative scan, the first hundred of all would be all that is looked at.
  const options = { threshold: null, strategy: 'hnsw', efSearch: 73, limit: 50 } as const;
  const answer = await must(store.vectorSearch.search(query, userOf(1), options));
  expect(answer).toMatchObject({ strategy: 'hnsw', retried: false, underfilled: false });
  expect(answer.hits).toHaveLength(50);
}

describe('jit, on for this server', () => {
  // Every plan is dear enough to be compiled.
  beforeAll(() => made.database.query(`alter database ${made.database.name} set jit_above_cost = 0`));
  afterAll(() => made.database.query(`alter database ${made.database.name} reset jit_above_cost`));

  const compiled = async (pool: pg.Pool, store: MacroStore) => {
    const plans = plansOf(pool);
    await searchAll(store);
    const searches = plans.take().filter(isSearch);
    expect(searches.length).toBeGreaterThanOrEqual(7 * 12);
    return searches.filter(({ jit }) => jit !== null).length;
  };

  it('compiles what others send', async () => {
    const [available] = await made.database.query<{ jit: boolean }>('select pg_jit_available() as jit');
    const pool = new pg.Pool({ connectionString: made.database.url, max: 1 });
    const plans = plansOf(pool);
    await pool.query('select count(*) from chat_vectors where user_id = $1', [userOf(0)]);
    expect(plans.take().map(({ jit }) => jit !== null)).toEqual([available?.jit]);
    await pool.end();
  });

  it('compiles no search on a pool of our own', async () => {
    await using store = createMacroStore({ database: { url: made.database.url, max: 1 }, embedding: TINY });
    if (store.pool === null) throw new Error('a server has a pool');
    expect(await compiled(store.pool, store)).toBe(0);
  });

  it('compiles no search on a borrowed pool', async () => {
    const pool = new pg.Pool({ connectionString: made.database.url, max: 1 });
    await using store = createMacroStore({ database: { pool }, embedding: TINY });
    expect(await compiled(pool, store)).toBe(0);
    await pool.end();
  });
});

describe('a borrowed pool', () => {
  it('finds full pages by HNSW, and has its sessions back as they were', async () => {
    const pool = new pg.Pool({ connectionString: made.database.url, max: 1 });
    await using store = createMacroStore({ database: { pool }, embedding: TINY });
    await hnswGivesAFullPage(store);
    await searchAll(store);
    expect((await pool.query<Settings>(SETTINGS)).rows).toEqual([UNTOUCHED]);
    expect(pool.totalCount).toBe(1);
    await pool.end();
  });

  it('keeps the settings that the application made, also after a search that failed', async () => {
    const pool = new pg.Pool({ connectionString: made.database.url, max: 1 });
    await using store = createMacroStore({ database: { pool }, embedding: TINY });
    await hnswGivesAFullPage(store);
    await pool.query(`set hnsw.ef_search = 77`);
    await pool.query('begin; alter table chat_vectors rename to elsewhere; commit');
    try {
      const options = { strategy: 'hnsw', efSearch: 333 } as const;
      const call = store.vectorSearch.search(query, userOf(0), options);
      expect(await failure(call)).toMatchObject({ kind: expect.stringMatching(/not-migrated|internal/) });
    } finally {
      await pool.query('begin; alter table elsewhere rename to chat_vectors; commit');
    }
    const { rows } = await pool.query<Settings & { idle: boolean }>(
      `${SETTINGS}, now() = statement_timestamp() as idle`,
    );
    expect(rows).toEqual([{ ...UNTOUCHED, ef: '77', idle: true }]);
    await pool.end();
  });
});

describe('a pooler in transaction mode', () => {
  it('finds full pages by HNSW, and leaves nothing to the next user of the connection', async () => {
    const bouncer = await startPgBouncer({
      postgresUrl: made.database.url,
      poolMode: 'transaction',
      settings: { default_pool_size: '1' },
    });
    const other = new pg.Client({ connectionString: bouncer.url });
    const borrowed = new pg.Pool({ connectionString: bouncer.url, max: 2 });
    await other.connect();
    try {
      for (const database of [{ url: bouncer.url, max: 2 }, { pool: borrowed }]) {
        await using store = createMacroStore({
          database: { ...database, pooler: 'transaction' },
          embedding: TINY,
        });
        await hnswGivesAFullPage(store);
        await searchAll(store);
        await Promise.all(Array.from({ length: 20 }, () => hnswGivesAFullPage(store)));
        expect((await other.query<Settings>(SETTINGS)).rows).toEqual([UNTOUCHED]);
      }
    } finally {
      await borrowed.end();
      await other.end();
      await bouncer.stop();
    }
  });
});

describe('a pool of our own', () => {
  it('has the settings from the start, and what one call adds to them ends with it', async () => {
    await using store = createMacroStore({ database: { url: made.database.url, max: 1 }, embedding: TINY });
    await hnswGivesAFullPage(store);
    await must(
      store.vectorSearch.search(query, userOf(0), { strategy: 'hnsw', filter: FILTER, efSearch: 555 }),
    );
    const rows = (await store.pool?.query<Settings>(SETTINGS))?.rows;
    expect(rows).toEqual([{ ...UNTOUCHED, jit: 'off', scan: 'relaxed_order', ef: '100' }]);
  });

  it('sends a search with its settings in one round trip, prepared once', async () => {
    await using store = createMacroStore({ database: { url: made.database.url, max: 1 }, embedding: TINY });
    let answers = 0;
    store.pool?.on('connect', (client) => {
      const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
      connection.on('readyForQuery', () => {
        answers += 1;
      });
    });
    const call = (options: SearchOptions) =>
      must(store.vectorSearch.search(query, userOf(0), { threshold: null, ...options }));
    const kinds: SearchOptions[] = [
      { strategy: 'exact' },
      { strategy: 'hnsw', efSearch: 200 },
      { strategy: 'hnsw', efSearch: 300, filter: FILTER },
      { context: { before: 1, after: 1 } },
      { diversity: 0.5 },
    ];
    // The first of each may count the scope, read the catalog and be prepared.
    for (const options of kinds) for (const _ of [1, 2]) await call(options);
    for (const options of kinds) {
      answers = 0;
      await call(options);
      expect(answers, JSON.stringify(options)).toBe(1);
    }
  });

  it('is told the similarities of diverse hits once, not with every hit', async () => {
    await using store = createMacroStore({ database: { url: made.database.url, max: 1 }, embedding: TINY });
    let bytes = () => 0;
    store.pool?.on('connect', (client) => {
      const { connection } = client as unknown as { connection: { stream: { bytesRead: number } } };
      bytes = () => connection.stream.bytesRead;
    });
    await hnswGivesAFullPage(store);
    const before = bytes();
    const options = { threshold: null, limit: 50, diversity: 0.5 };
    expect((await must(store.vectorSearch.search(query, userOf(0), options))).hits).toHaveLength(50);
    expect(before).toBeGreaterThan(0);
    expect(bytes() - before).toBeLessThan(1_000_000);
  });

  it('has few statements prepared, whatever is searched for', async () => {
    await using store = createMacroStore({ database: { url: made.database.url, max: 1 }, embedding: TINY });
    for (let number = 0; number < 1_000; number += 1) {
      const filter = {
        metadata: { field: `field ${number % 300}`, in: [number, `${number}`] },
        ...(number % 3 === 0 && { roles: FILTER.roles }),
        ...(number % 5 === 0 && { createdAt: { from: new Date(number) } }),
        ...(number % 8 === 0 && { messageIds: [crypto.randomUUID()] }),
      };
      const strategy = ([undefined, 'exact', 'codes', undefined, 'exact', 'codes', 'hnsw'] as const)[
        number % 7
      ];
      const options: SearchOptions = {
        limit: 1 + (number % 50),
        threshold: (number % 11) / 10,
        ...(number % 2 === 0 && { filter }),
        ...(number % 9 === 0 && { chatId: users[0]?.chatIds[0] ?? '' }),
        ...(number % 13 === 0 && { context: { before: number % 4 } }),
        ...(number % 17 === 0 && { diversity: 0.1 }),
        ...(strategy && { strategy }),
        efSearch: 1 + number,
      };
      await must(
        store.vectorSearch.search(query, number % 50 === 0 ? userOf(1) : crypto.randomUUID(), options),
      );
    }
    const rows = (await store.pool?.query<{ name: string }>('select name from pg_prepared_statements'))?.rows;
    expect(rows?.length).toBeGreaterThan(10);
    // Strategies × scopes × filtered × measured × context × diversity, of which not all can be.
    expect(rows?.length).toBeLessThan(120);
  });
});

describe('a search that has to wait', () => {
  const whileLocked = async (work: (waiting: () => Promise<unknown>) => Promise<void>) => {
    const client = new pg.Client({ connectionString: made.database.url });
    await client.connect();
    try {
      await client.query('begin; lock table chat_vectors in access exclusive mode');
      await work(() =>
        until('the search waits', async () => {
          const rows = await made.database.query(
            `select from pg_locks where relation = 'chat_vectors'::regclass and not granted`,
          );
          return rows.length > 0;
        }),
      );
    } finally {
      await client.end();
    }
  };
  const waitingSearches = () =>
    made.database.query(
      `select from pg_stat_activity where datname = current_database() and state = 'active' and query like '%"serverMs"%'
        and pid <> pg_backend_pid()`,
    );

  it('ends with its signal, on the server too', async () => {
    await using store = createMacroStore({ database: { url: made.database.url, max: 1 }, embedding: TINY });
    await hnswGivesAFullPage(store);
    await whileLocked(async (waiting) => {
      const controller = new AbortController();
      const call = store.vectorSearch.search(query, userOf(0), { signal: controller.signal });
      await waiting();
      controller.abort();
      expect(await failure(call)).toMatchObject({ kind: 'aborted', operation: 'vectorSearch.search' });
      await until('the server has ended it', async () => (await waitingSearches()).length === 0);
    });
    await hnswGivesAFullPage(store);
  });

  it('ends with the statement timeout', async () => {
    const database = { url: made.database.url, max: 1, statementTimeoutMillis: 250 };
    await using store = createMacroStore({ database, embedding: TINY });
    await hnswGivesAFullPage(store);
    await whileLocked(async () => {
      for (const strategy of ['exact', 'codes', 'hnsw'] as const) {
        const call = store.vectorSearch.search(query, userOf(0), { strategy });
        expect(await failure(call)).toMatchObject({ kind: 'timeout', operation: 'vectorSearch.search' });
      }
    });
    await hnswGivesAFullPage(store);
  });
});
