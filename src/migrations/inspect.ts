import { ResultAsync } from 'neverthrow';
import type { EmbeddingShape } from '../config.js';
import { EMBEDDING_COLUMN_SQL, parseEmbeddingType } from '../database/embedding-column.js';
import type { MigrationConnection } from './connection.js';
import { installedVersion } from './extension.js';
import { type LedgerEntry, readDrizzleJournal, readLedger } from './ledger.js';
import { lockOf, type StatementLock } from './lint.js';
import { type Migration, renderStatement } from './migration.js';
import { type NewerPolicy, reconcile } from './reconcile.js';
import { type MigrateError, toMigrateError } from './runner.js';

/** Where a database stands. */
export interface MigrationStatus {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Optional steps left out so far. */
  readonly skipped: readonly string[];
  /** The newest applied migration, or `null`. */
  readonly current: string | null;
  /** The shape that the database was migrated for, or `null` before its tables are there. */
  readonly embedding: EmbeddingShape | null;
  /** The version of pgvector in this database, or `null`. */
  readonly vectorExtension: string | null;
  /** Indexes of ours that a cut-off build left invalid; the next run repairs those of its steps. */
  readonly invalidIndexes: readonly string[];
}

export interface PlannedStatement {
  readonly sql: string;
  readonly lock: StatementLock;
}

export interface PlannedMigration {
  readonly id: string;
  readonly isTransactional: boolean;
  readonly isBreaking: boolean;
  readonly optional: 'hnsw' | null;
  readonly statements: readonly PlannedStatement[];
}

/** What the next run would do. */
export interface MigrationPlan {
  /** To be taken over from drizzle's own journal, without running them. */
  readonly adopted: readonly string[];
  readonly pending: readonly PlannedMigration[];
}

type Connect = () => Promise<MigrationConnection>;

/** Reads where the database stands; changes nothing and waits for no lock. */
export function inspectStatus(
  connect: Connect,
  migrations: readonly Migration[],
): ResultAsync<MigrationStatus, MigrateError> {
  return withConnection(connect, async (connection) => {
    const ledger = (await readLedger(connection)) ?? [];
    const [column] = await connection.query<{ type: string }>(EMBEDDING_COLUMN_SQL);
    const idsIn = (state: LedgerEntry['state']) => ledger.filter((entry) => entry.state === state).map(({ id }) => id);
    const applied = idsIn('done');
    const skipped = idsIn('skipped');
    return {
      applied,
      pending: migrations.map(({ id }) => id).filter((id) => !applied.includes(id) && !skipped.includes(id)),
      skipped,
      current: applied.at(-1) ?? null,
      embedding: column === undefined ? null : parseEmbeddingType(column.type),
      vectorExtension: await installedVersion(connection),
      invalidIndexes: await invalidIndexes(connection),
    };
  });
}

/** Tells what the next run would do, statement by statement; changes nothing. */
export function planMigrations(
  connect: Connect,
  migrations: readonly Migration[],
  embedding: EmbeddingShape,
  { onNewer = 'refuse', hnsw = 'build' }: { readonly onNewer?: NewerPolicy; readonly hnsw?: 'build' | 'skip' } = {},
): ResultAsync<MigrationPlan, MigrateError> {
  return withConnection(connect, async (connection) => {
    const ledger = await readLedger(connection);
    const journal = ledger === null ? await readDrizzleJournal(connection) : new Set<string>();
    const adopted = migrations.filter((migration) => journal.has(migration.checksum)).map(({ id }) => id);
    const result = reconcile(migrations, ledger ?? [], onNewer);
    if ('error' in result) throw result.error;
    const pending = result.pending.filter(({ id, optional }) => !adopted.includes(id) && !(hnsw === 'skip' && optional));
    return {
      adopted,
      pending: pending.map(({ id, isTransactional, isBreaking, optional, statements }) => ({
        id,
        isTransactional,
        isBreaking,
        optional,
        statements: statements.map((statement) => ({
          sql: renderStatement(statement, embedding),
          lock: lockOf(statement),
        })),
      })),
    };
  });
}

async function invalidIndexes(connection: MigrationConnection): Promise<readonly string[]> {
  const rows = await connection.query<{ name: string }>(`
    select c.relname as name from pg_index i
      join pg_class c on c.oid = i.indexrelid
      join pg_class t on t.oid = i.indrelid
    where not i.indisvalid and t.relnamespace = current_schema()::regnamespace
      and t.relname in ('users', 'chats', 'chat_messages', 'chat_vectors')
    order by 1`);
  return rows.map((row) => row.name);
}

function withConnection<T>(
  connect: Connect,
  work: (connection: MigrationConnection) => Promise<T>,
): ResultAsync<T, MigrateError> {
  const run = async () => {
    const connection = await connect();
    try {
      return await work(connection);
    } finally {
      await connection.close();
    }
  };
  return ResultAsync.fromPromise(run(), toMigrateError);
}
