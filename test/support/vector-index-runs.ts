import pg from 'pg';
import { createMacroStore, type MacroStore } from '../../src/create-macro-store.js';
import type { VectorIndexEvent } from '../../src/vector-index/vector-index-event.js';
import { must } from './builders.js';
import { SMALL } from './migration-runs.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';
import { until } from './until.js';

export const COVERING = 'idx_chat_vectors_user_id_chat_id';
export const FULL_TEXT = 'idx_chat_vectors_content_fts';
export const HNSW = 'idx_chat_vectors_embedding_hnsw';

export const openStore = (database: TestDatabase, embedding = SMALL): MacroStore =>
  createMacroStore({ database: { url: database.url, max: 4 }, embedding });

/** An empty database that was migrated without HNSW, and a store on it. */
export async function indexStore(embedding = SMALL) {
  const database = await createTestDatabase({ template: false });
  const store = openStore(database, embedding);
  await must(store.migrate({ hnsw: 'skip' }));
  return {
    store,
    database,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database.drop();
    },
  };
}

/** Each index of the vectors and whether it is valid, by name. */
export async function indexesOf(database: TestDatabase): Promise<Record<string, boolean>> {
  const rows = await database.query<{ name: string; valid: boolean }>(
    `select indexrelid::regclass::text as name, indisvalid as valid from pg_index
     where indrelid = 'chat_vectors'::regclass order by 1`,
  );
  return Object.fromEntries(rows.map(({ name, valid }) => [name, valid]));
}

export const definitionIn = async (database: TestDatabase, index: string): Promise<string | undefined> => {
  const [row] = await database.query<{ definition: string }>(
    'select indexdef as definition from pg_indexes where indexname = $1',
    [index],
  );
  return row?.definition;
};

export function collectIndexEvents() {
  const events: VectorIndexEvent[] = [];
  return {
    events,
    onProgress: (event: VectorIndexEvent) => void events.push(event),
    ofType: <T extends VectorIndexEvent['type']>(type: T) =>
      events.filter((event): event is Extract<VectorIndexEvent, { type: T }> => event.type === type),
  };
}

/** Marks an index invalid, as a build that was cut off leaves it. */
export const invalidate = (database: TestDatabase, index: string) =>
  database.query('update pg_index set indisvalid = false where indexrelid = $1::regclass', [index]);

/** Waits until a session builds an index here in a phase that begins so; its process id. */
export const builderIn = (database: TestDatabase, phase: string) =>
  until(`a build is at "${phase}"`, async () => {
    const [row] = await database.query<{ pid: number }>(
      `select pid from pg_stat_progress_create_index
       where datname = current_database() and starts_with(phase, $1)`,
      [phase],
    );
    return row?.pid;
  });

/** A session of the test's own, e.g. to hold a lock; ended with its scope. */
export async function openSession(database: TestDatabase) {
  const client = new pg.Client({ connectionString: database.url });
  client.on('error', () => {});
  await client.connect();
  return {
    query: (text: string) => client.query(text),
    [Symbol.asyncDispose]: () => client.end().catch(() => {}),
  };
}
