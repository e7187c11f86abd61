import { connectionSettings } from '../../src/database/connection-settings.js';
import { connectDedicated, type DedicatedConnection } from '../../src/database/dedicated-connection.js';
import { MIGRATIONS } from '../../src/migrations/bundled.js';
import type { MigrationEvent } from '../../src/migrations/events.js';
import type { Migration } from '../../src/migrations/migration.js';
import { MIGRATING, type MigrateOptions, runMigrations } from '../../src/migrations/runner.js';
import type { EmbeddingShape } from '../../src/schema/embedding-shape.js';
import type { TestDatabase } from './test-database.js';

/** Small enough to seed thousands of rows at once. */
export const SMALL: EmbeddingShape = { dimensions: 64, column: 'vector' };

export const HNSW_INDEX = 'idx_chat_vectors_embedding_hnsw';

export interface RunInput extends MigrateOptions {
  readonly migrations?: readonly Migration[];
  readonly embedding?: EmbeddingShape;
  readonly connect?: () => Promise<DedicatedConnection>;
}

export const connectTo = (url: string) => () =>
  connectDedicated(connectionSettings(url, undefined), MIGRATING);

/** The runner on any list of migrations; {@link migrate} is bound to ours. */
export function run(url: string, input: RunInput = {}) {
  const { migrations = MIGRATIONS, embedding = SMALL, connect = connectTo(url), ...options } = input;
  return runMigrations(connect, migrations, embedding, options);
}

/** As {@link run}, for arranging: throws when it fails. */
export async function mustRun(url: string, input: RunInput = {}) {
  const result = await run(url, input);
  if (result.isErr()) throw result.error;
  return result.value;
}

export function collectEvents() {
  const events: MigrationEvent[] = [];
  return {
    events,
    onProgress: (event: MigrationEvent) => void events.push(event),
    ofType: <T extends MigrationEvent['type']>(type: T) =>
      events.filter((event): event is Extract<MigrationEvent, { type: T }> => event.type === type),
  };
}

/** Lets a test stop a run where it stands: its next statement waits until `open()`. */
export function gate(connect: () => Promise<DedicatedConnection>) {
  let opening = Promise.resolve();
  let open = () => {};
  return {
    shut() {
      opening = new Promise((resolve) => {
        open = resolve;
      });
    },
    open: () => open(),
    connect: async (): Promise<DedicatedConnection> => {
      const connection = await connect();
      return {
        ...connection,
        query: async (text, values) => {
          await opening;
          return connection.query(text, values);
        },
      };
    },
  };
}

/** Rows enough for an HNSW build of a second or two. Needs the tables in the shape {@link SMALL}. */
export async function seedVectors(database: TestDatabase, rows: number): Promise<void> {
  await database.query(`
    with u as (insert into users (email) values (gen_random_uuid() || '@example.org') returning id),
      c as (insert into chats (user_id, title) select id, 'seed' from u returning id, user_id)
    insert into chat_vectors (user_id, chat_id, content, embedding)
    select c.user_id, c.id, 'text', (select array_agg(random()) from generate_series(1, 64) where row > 0)::vector
    from c, generate_series(1, ${rows}) as row`);
}

/** Takes the database back to where the HNSW index was left out. */
export async function leaveHnswOut(database: TestDatabase): Promise<void> {
  await database.query(`drop index if exists ${HNSW_INDEX}`);
  await database.query(
    `update macro_store_migrations set state = 'skipped', finished_at = null where id like '%hnsw%'`,
  );
}

export async function isIndexValid(database: TestDatabase, index: string): Promise<boolean | null> {
  const [row] = await database.query<{ valid: boolean }>(
    'select indisvalid as valid from pg_index where indexrelid = to_regclass($1)',
    [index],
  );
  return row?.valid ?? null;
}
