import type pg from 'pg';
import { binaryWire } from '../../src/database/vector-wire.js';
import type { MacroStore } from '../../src/index.js';
import { openPool } from '../harness/pool.js';
import { is, replay, watchStatements } from '../harness/sent-statements.js';
import type { SizeClass } from './placement.js';
import { LIMIT, type Question, type Questions } from './questions.js';

/** One way of answering a question: with the ids of the user's nearest rows, best first. */
export interface Way {
  readonly name: string;
  search(question: Question): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** All ways are asked for the nearest rows however far they are, so that each gives as many rows. */
export const ANY_SIMILARITY = -1;

export const STRATEGIES = ['exact', 'codes', 'hnsw'] as const;
type StrategyName = (typeof STRATEGIES)[number];

/** As the store chooses; or by one strategy, whatever it costs. */
export function storeWay(store: MacroStore, strategy?: StrategyName): Way {
  const options = { limit: LIMIT, threshold: null, ...(strategy === undefined ? {} : { strategy }) };
  return {
    name: strategy ?? 'store',
    search: async ({ embedding, userId }) => {
      const hits = (await store.vectorSearch.semanticSearch(embedding, userId, options))._unsafeUnwrap();
      return hits.map(({ id }) => id);
    },
    close: () => store.close(),
  };
}

/** Searches of one user, so many that the store knows how to go about it. */
const CONTACTS = 3;

/**
 * The floor: for users of every class the statement that the store was seen to send for one of them, word for
 * word, sent under its name by nothing but pg, on connections with the store's own settings.
 */
export async function rawWay(
  store: MacroStore,
  classes: readonly SizeClass[],
  questions: Questions,
  poolSize: number,
  databaseUrl: string,
): Promise<Way & { readonly pool: pg.Pool }> {
  const way = storeWay(store);
  const statements = new Map<string, Awaited<ReturnType<typeof statementOf>>>();
  for (const { rows, users } of classes) {
    const question = questions.ofClass(rows, 0);
    for (let contact = 1; contact < CONTACTS; contact += 1) await way.search(question);
    const statement = await statementOf(store, way, question);
    for (const user of users) statements.set(user, statement);
  }
  const options = store.pool?.options.options;
  const pool = openPool(databaseUrl, poolSize, options === undefined ? {} : { options });
  return {
    name: 'pg',
    pool,
    search: async ({ embedding, userId }) => {
      const send = statements.get(userId);
      if (send === undefined) throw new Error('a user of no class');
      const rows = await send<{ id: string }>(pool, { userId, embedding: binaryWire.encode(embedding) });
      return rows.map(({ id }) => id);
    },
    close: () => pool.end(),
  };
}

async function statementOf(store: MacroStore, way: Way, question: Question) {
  const sent = await watchStatements(store, async () => void (await way.search(question)));
  const last = sent.at(-1);
  if (last === undefined) throw new Error('the store has sent no named statement');
  return replay(last, {
    userId: is(question.userId),
    embedding: Buffer.isBuffer,
  });
}

/**
 * A named statement as one would write it, on a connection with the store's settings: the planner is free, and so
 * the plan that it reuses is one for the average user.
 */
export function naiveWay(databaseUrl: string, options: string): Way {
  const pool = openPool(databaseUrl, 1, { options });
  const text = 'select id from chat_vectors where user_id = $1 order by embedding <=> $2::vector limit $3';
  return {
    name: 'plain named statement',
    search: async ({ embedding, userId }) => {
      const values = [userId, binaryWire.encode(embedding), LIMIT];
      const { rows } = await pool.query<{ id: string }>({ name: 'naive', text, values });
      return rows.map(({ id }) => id);
    },
    close: () => pool.end(),
  };
}

/** A named statement that does nothing: what the way to the server and back costs. */
export function emptyWay(pool: pg.Pool): Way {
  return {
    name: 'select 1',
    search: async () => {
      const client = await pool.connect();
      try {
        await client.query({ name: 'empty', text: 'select 1' });
        return [];
      } finally {
        client.release();
      }
    },
    close: async () => {},
  };
}
