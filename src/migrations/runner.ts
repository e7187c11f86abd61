import { ResultAsync } from 'neverthrow';
import type { EmbeddingShape } from '../config.js';
import { EMBEDDING_COLUMN_SQL, embeddingMismatch, parseEmbeddingType } from '../database/embedding-column.js';
import { fromSqlState, isStoreError, type StoreError, sqlStateOf, storeError } from '../errors.js';
import { type ApplySettings, applyMigration } from './apply.js';
import type { MigrationConnection } from './connection.js';
import type { OnMigrationEvent } from './events.js';
import { createLedger, type LedgerEntry, readDrizzleJournal, readLedger, recordState } from './ledger.js';
import { lockMigrations, unlockMigrations } from './lock.js';
import type { Migration } from './migration.js';
import { refuseTransactionPooler } from './pooler.js';
import { type NewerPolicy, reconcile } from './reconcile.js';

export interface MigrateOptions {
  /** `skip` leaves the HNSW index out; a later run without it builds it. Default `build`. */
  readonly hnsw?: 'build' | 'skip';
  /** How long to wait for another runner. Default 600,000. */
  readonly lockWaitMs?: number;
  /** How long a statement may queue for a table lock, and so hold others up, before it steps back. Default 2,000. */
  readonly lockTimeoutMs?: number;
  /** How long such a statement is tried again. Default 60,000. */
  readonly retryForMs?: number;
  /** `maintenance_work_mem` for index builds; an HNSW build that does not fit becomes many times slower. Default `256MB`. */
  readonly maintenanceWorkMem?: string;
  /** A database migrated by a newer release: `refuse`, or `allow-compatible` unless a step of it is marked breaking. Default `refuse`. */
  readonly onNewer?: NewerPolicy;
  readonly onProgress?: OnMigrationEvent;
  /** Ends the run between two steps. What was applied stays, and the next run goes on from there. */
  readonly signal?: AbortSignal;
}

/** What a run did; all empty where the database was up to date. */
export interface MigrationReport {
  readonly applied: readonly string[];
  readonly adopted: readonly string[];
  readonly skipped: readonly string[];
}

export type MigrateError = StoreError<
  | 'extension-missing'
  | 'pooler-refused'
  | 'migration-lock-timeout'
  | 'migration-edited'
  | 'migration-missing'
  | 'migration-out-of-order'
  | 'migration-unknown-newer'
  | 'migration-unmanaged-tables'
  | 'migration-failed'
  | 'dimension-mismatch'
  | 'invalid-input'
  | 'unavailable'
  | 'permission-denied'
  | 'timeout'
  | 'aborted'
  | 'closed'
  | 'callback-threw'
  | 'internal'
>;

const OPERATION = 'migrations.migrate';

/** Brings a database up to the given migrations over one connection, which it opens and closes. */
export function runMigrations(
  connect: () => Promise<MigrationConnection>,
  migrations: readonly Migration[],
  embedding: EmbeddingShape,
  options: MigrateOptions = {},
): ResultAsync<MigrationReport, MigrateError> {
  const run = async (): Promise<MigrationReport> => {
    const settings = settle(embedding, options);
    settings.assertNotAborted();
    const connection = await connect();
    try {
      settings.onEvent({ type: 'connected' });
      await refuseTransactionPooler(connection);
      return await migrateOn(connection, migrations, settings, options);
    } finally {
      await connection.close();
    }
  };
  return ResultAsync.fromPromise(run(), (error) => toMigrateError(error));
}

async function migrateOn(
  connection: MigrationConnection,
  migrations: readonly Migration[],
  settings: ApplySettings,
  options: MigrateOptions,
): Promise<MigrationReport> {
  const { onNewer = 'refuse', hnsw = 'build', lockWaitMs = 600_000 } = options;
  const started = performance.now();
  const toRun = (ledger: readonly LedgerEntry[]) => {
    const result = reconcile(migrations, ledger, onNewer);
    if ('error' in result) throw result.error;
    const isLeftOut = ({ id, optional }: Migration) =>
      hnsw === 'skip' && optional === 'hnsw' && ledger.some((entry) => entry.id === id && entry.state === 'skipped');
    return result.pending.filter((migration) => !isLeftOut(migration));
  };

  // Most starts find nothing to do; they need no lock.
  await refuseOtherShape(connection, settings.embedding);
  const before = await readLedger(connection);
  if (before !== null && toRun(before).length === 0) return { applied: [], adopted: [], skipped: [] };

  await prepareSession(connection, options.maintenanceWorkMem ?? '256MB');
  if (!connection.isEmbedded) {
    await lockMigrations(connection, lockWaitMs, settings.onEvent, settings.assertNotAborted);
  }
  await refuseOtherShape(connection, settings.embedding);
  const adopted = await openLedger(connection, migrations, settings);
  settings.onEvent({ type: 'ledger-ready' });

  const pending = toRun((await readLedger(connection)) ?? []);
  const report = { applied: [] as string[], adopted, skipped: [] as string[] };
  for (const [index, migration] of pending.entries()) {
    if (migration.optional === 'hnsw' && hnsw === 'skip') {
      await recordState(connection, migration, 'skipped', settings.embedding);
      settings.onEvent({ type: 'skipped', migrationId: migration.id });
      report.skipped.push(migration.id);
      continue;
    }
    const migrationStarted = performance.now();
    settings.onEvent({ type: 'started', migrationId: migration.id, number: index + 1, total: pending.length });
    await applyMigration(connection, migration, settings);
    report.applied.push(migration.id);
    const durationMs = Math.round(performance.now() - migrationStarted);
    settings.onEvent({ type: 'done', migrationId: migration.id, durationMs });
  }
  if (!connection.isEmbedded) await unlockMigrations(connection);
  const durationMs = Math.round(performance.now() - started);
  settings.onEvent({ type: 'finished', applied: report.applied, durationMs });
  return report;
}

async function prepareSession(connection: MigrationConnection, maintenanceWorkMem: string): Promise<void> {
  if (connection.isEmbedded) return;
  await connection.query('set statement_timeout = 0');
  await connection.query('set lock_timeout = 0');
  await connection.query('set client_min_messages = warning');
  // A runner that dies must not keep the lock until its index is built: the server looks whether it is there.
  await connection.query("set client_connection_check_interval = '2s'");
  await connection.query("select set_config('maintenance_work_mem', $1, false)", [maintenanceWorkMem]);
}

/** Creates the ledger, or takes over what drizzle's own migrator has applied of the same files. */
async function openLedger(
  connection: MigrationConnection,
  migrations: readonly Migration[],
  { embedding, onEvent }: ApplySettings,
): Promise<string[]> {
  if ((await readLedger(connection)) !== null) return [];
  const journal = await readDrizzleJournal(connection);
  const adopted = migrations.filter((migration) => journal.has(migration.checksum));
  if (adopted.length === 0) await refuseUnmanagedTables(connection);
  await connection.query('begin');
  await createLedger(connection);
  for (const migration of adopted) await recordState(connection, migration, 'done', embedding, { isAdopted: true });
  await connection.query('commit');
  const migrationIds = adopted.map((migration) => migration.id);
  if (adopted.length > 0) onEvent({ type: 'adopted', migrationIds });
  return migrationIds;
}

async function refuseUnmanagedTables(connection: MigrationConnection): Promise<void> {
  const rows = await connection.query<{ name: string }>(`
    select name from unnest(array['users', 'chats', 'chat_messages', 'chat_vectors']) as name
    where to_regclass(name) is not null and exists (
      select from pg_class where oid = to_regclass(name) and relnamespace = current_schema()::regnamespace)`);
  if (rows.length === 0) return;
  const tables = rows.map((row) => row.name);
  const message = `the tables ${tables.join(', ')} exist already and were not made by these migrations; use another schema or database`;
  throw storeError('migration-unmanaged-tables', OPERATION, message, { tables });
}

async function refuseOtherShape(connection: MigrationConnection, embedding: EmbeddingShape): Promise<void> {
  const [row] = await connection.query<{ type: string }>(EMBEDDING_COLUMN_SQL);
  const migrated = row === undefined ? null : parseEmbeddingType(row.type);
  const mismatch = migrated === null ? null : embeddingMismatch(OPERATION, embedding, migrated);
  if (mismatch !== null) throw mismatch;
}

function settle(embedding: EmbeddingShape, options: MigrateOptions): ApplySettings {
  const { onProgress, signal, lockTimeoutMs = 2_000, retryForMs = 60_000 } = options;
  if (!Number.isInteger(lockTimeoutMs) || lockTimeoutMs < 1) {
    const issues = [{ path: 'lockTimeoutMs', message: 'must be a whole number of milliseconds above 0' }];
    throw storeError('invalid-input', OPERATION, 'lockTimeoutMs must be a whole number of milliseconds above 0', { issues });
  }
  return {
    embedding,
    lockTimeoutMs,
    retryForMs,
    onEvent(event) {
      try {
        onProgress?.(event);
      } catch (thrown) {
        throw storeError('callback-threw', OPERATION, 'onProgress threw, so the run was ended', {}, thrown);
      }
    },
    assertNotAborted() {
      if (signal?.aborted) throw storeError('aborted', OPERATION, 'aborted by its signal');
    },
  };
}

export function toMigrateError(error: unknown): MigrateError {
  if (isStoreError(error)) return error as MigrateError;
  const sqlState = sqlStateOf(error);
  if (sqlState === undefined) {
    return storeError('unavailable', OPERATION, 'the connection to the database failed', {}, error);
  }
  return fromSqlState(OPERATION, sqlState, error) as MigrateError;
}
