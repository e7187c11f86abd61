import { ResultAsync } from 'neverthrow';
import type { DedicatedConnection } from '../database/dedicated-connection.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { installedVersion } from './extension.js';
import { type LedgerEntry, readLedger } from './ledger.js';
import { lockOf, type StatementLock } from './lint.js';
import { type Migration, renderStatement } from './migration.js';
import { invalidIndexes, migratedShape, requireSchema } from './own-tables.js';
import { type NewerPolicy, reconcile } from './reconcile.js';
import { type MigrateError, toMigrateError } from './runner.js';
import { readStanding } from './standing.js';

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

type Connect = () => Promise<DedicatedConnection>;

/** Reads where the database stands; changes nothing and waits for no lock. */
export function inspectStatus(
  connect: Connect,
  migrations: readonly Migration[],
): ResultAsync<MigrationStatus, MigrateError> {
  return withConnection('migrations.status', connect, async (connection) => {
    await requireSchema(connection);
    const ledger = (await readLedger(connection)) ?? [];
    const idsIn = (state: LedgerEntry['state']) =>
      ledger.filter((entry) => entry.state === state).map(({ id }) => id);
    const applied = idsIn('done');
    const skipped = idsIn('skipped');
    return {
      applied,
      pending: migrations.map(({ id }) => id).filter((id) => !applied.includes(id) && !skipped.includes(id)),
      skipped,
      current: applied.at(-1) ?? null,
      embedding: await migratedShape(connection),
      vectorExtension: await installedVersion(connection),
      invalidIndexes: await invalidIndexes(connection),
    };
  });
}

/** Tells what the next run would do, statement by statement, or why it would refuse; changes nothing. */
export function planMigrations(
  connect: Connect,
  migrations: readonly Migration[],
  embedding: EmbeddingShape,
  {
    onNewer = 'refuse',
    hnsw = 'build',
  }: { readonly onNewer?: NewerPolicy; readonly hnsw?: 'build' | 'skip' } = {},
): ResultAsync<MigrationPlan, MigrateError> {
  return withConnection('migrations.plan', connect, async (connection) => {
    const { ledger, adopted, mismatch } = await readStanding(connection, migrations, embedding);
    const result = reconcile(migrations, ledger, onNewer);
    if ('error' in result) throw result.error;
    const pending = result.pending.filter(({ optional }) => !(hnsw === 'skip' && optional === 'hnsw'));
    if (mismatch !== null && pending.length > 0) throw mismatch;
    return {
      adopted: adopted.map(({ id }) => id),
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

function withConnection<T>(
  operation: string,
  connect: Connect,
  work: (connection: DedicatedConnection) => Promise<T>,
): ResultAsync<T, MigrateError> {
  const run = async () => {
    const connection = await connect();
    try {
      return await work(connection);
    } finally {
      await connection.close();
    }
  };
  return ResultAsync.fromPromise(run(), (error) => toMigrateError(operation, error));
}
