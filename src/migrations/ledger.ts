import type { DedicatedScope } from '../database/dedicated-connection.js';
import { ownRelation } from '../database/own-relation.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import type { Migration } from './migration.js';

/** `started`: outside a transaction and not known to be done. `skipped`: optional, and left out so far. */
export type LedgerState = 'started' | 'done' | 'skipped';

/** What the database says of one migration. */
export interface LedgerEntry {
  readonly id: string;
  readonly checksum: string;
  readonly state: LedgerState;
  readonly isBreaking: boolean;
}

export async function createLedger(connection: DedicatedScope): Promise<void> {
  await connection.query(`
    create table if not exists macro_store_migrations (
      id text primary key,
      checksum text not null,
      state text not null check (state in ('started', 'done', 'skipped')),
      is_breaking boolean not null,
      is_adopted boolean not null default false,
      embedding_type text not null,
      started_at timestamptz not null default clock_timestamp(),
      finished_at timestamptz
    )`);
}

/** Every entry, in order; `null` where there is no ledger yet. */
export async function readLedger(connection: DedicatedScope): Promise<readonly LedgerEntry[] | null> {
  const [table] = await connection.query<{ exists: boolean }>(
    `select ${ownRelation("'macro_store_migrations'")} is not null as exists`,
  );
  if (!table?.exists) return null;
  return connection.query<LedgerEntry>(
    'select id, checksum, state, is_breaking as "isBreaking" from macro_store_migrations order by id',
  );
}

/** Writes or moves on one entry. Called inside the migration's own transaction where it has one. */
export async function recordState(
  connection: DedicatedScope,
  migration: Migration,
  state: LedgerState,
  embedding: EmbeddingShape,
  { isAdopted = false } = {},
): Promise<void> {
  await connection.query(
    `insert into macro_store_migrations (id, checksum, state, is_breaking, is_adopted, embedding_type, finished_at)
     values ($1, $2, $3, $4, $5, $6, case when $3 = 'done' then clock_timestamp() end)
     on conflict (id) do update set state = excluded.state, checksum = excluded.checksum,
       embedding_type = excluded.embedding_type, finished_at = excluded.finished_at`,
    [
      migration.id,
      migration.checksum,
      state,
      migration.isBreaking,
      isAdopted,
      `${embedding.column}(${embedding.dimensions})`,
    ],
  );
}

/** The hashes in the journal that drizzle's own migrator keeps; empty where there is none. */
export async function readDrizzleJournal(connection: DedicatedScope): Promise<ReadonlySet<string>> {
  const [table] = await connection.query<{ exists: boolean }>(
    "select to_regclass('drizzle.__drizzle_migrations') is not null as exists",
  );
  if (!table?.exists) return new Set();
  const rows = await connection.query<{ hash: string }>('select hash from drizzle.__drizzle_migrations');
  return new Set(rows.map((row) => row.hash));
}
