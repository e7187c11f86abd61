import { ResultAsync } from 'neverthrow';
import { dropInvalidIndex } from '../database/concurrent-index.js';
import type { ConnectionPurpose, DedicatedConnection } from '../database/dedicated-connection.js';
import { dedicatedFailure } from '../database/dedicated-failure.js';
import { prepareSession } from '../database/dedicated-session.js';
import { lockSchema, unlockSchema } from '../database/schema-lock.js';
import { refuseTransactionPooler } from '../database/transaction-pooler.js';
import { aborted, type InputIssue, invalidInput, type StoreError, storeError } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { type ApplySettings, applyMigration } from './apply.js';
import type { OnMigrationEvent } from './events.js';
import { createLedger, type LedgerEntry, recordState } from './ledger.js';
import type { Migration } from './migration.js';
import { type NewerPolicy, reconcile } from './reconcile.js';
import { readStanding } from './standing.js';

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
  | 'read-only'
  | 'timeout'
  | 'aborted'
  | 'closed'
  | 'callback-threw'
  | 'internal'
>;

const OPERATION = 'migrations.migrate';

/** What a migration's connection is opened for. */
export const MIGRATING: ConnectionPurpose = {
  operation: OPERATION,
  applicationName: '@macro-ai/store migrate',
};

/** Brings a database up to the given migrations over one connection, which it opens and closes. */
export function runMigrations(
  connect: () => Promise<DedicatedConnection>,
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
      await refuseTransactionPooler(connection, OPERATION);
      return await migrateOn(connection, migrations, settings, options);
    } finally {
      await connection.close();
    }
  };
  return ResultAsync.fromPromise(run(), (error) => toMigrateError(OPERATION, error));
}

async function migrateOn(
  connection: DedicatedConnection,
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
      hnsw === 'skip' &&
      optional === 'hnsw' &&
      ledger.some((entry) => entry.id === id && entry.state === 'skipped');
    return result.pending.filter((migration) => !isLeftOut(migration));
  };

  const read = async () => {
    const standing = await readStanding(connection, migrations, settings.embedding);
    const pending = toRun(standing.ledger);
    if (standing.mismatch !== null && pending.length > 0) throw standing.mismatch;
    return { ...standing, pending };
  };

  // Most starts find nothing to do; they need no lock.
  const before = await read();
  if (before.hasLedger && before.pending.length === 0) {
    settings.onEvent({ type: 'finished', applied: [], durationMs: Math.round(performance.now() - started) });
    return { applied: [], adopted: [], skipped: [] };
  }

  await prepareSession(connection, {
    maintenanceWorkMem: options.maintenanceWorkMem ?? '256MB',
    parallelWorkers: null,
  });
  if (!connection.isEmbedded) {
    await lockSchema(connection, { operation: OPERATION, lockWaitMs, ...settings });
  }
  // Another runner may have worked while we waited.
  const { hasLedger, pending, ...standing } = await read();
  if (!hasLedger) await openLedger(connection, standing.adopted, settings.embedding);
  const adopted = standing.adopted.map((migration) => migration.id);
  if (adopted.length > 0) settings.onEvent({ type: 'adopted', migrationIds: adopted });
  settings.onEvent({ type: 'ledger-ready' });

  const report = { applied: [] as string[], adopted, skipped: [] as string[] };
  for (const [index, migration] of pending.entries()) {
    if (migration.optional === 'hnsw' && hnsw === 'skip') {
      if (migration.concurrentIndex !== null) {
        const { id: migrationId, concurrentIndex } = migration;
        await dropInvalidIndex(connection, concurrentIndex, (event) =>
          settings.onEvent({ ...event, migrationId }),
        );
      }
      await recordState(connection, migration, 'skipped', settings.embedding);
      settings.onEvent({ type: 'skipped', migrationId: migration.id });
      report.skipped.push(migration.id);
      continue;
    }
    const migrationStarted = performance.now();
    settings.onEvent({
      type: 'started',
      migrationId: migration.id,
      number: index + 1,
      total: pending.length,
    });
    await applyMigration(connection, migration, settings);
    report.applied.push(migration.id);
    const durationMs = Math.round(performance.now() - migrationStarted);
    settings.onEvent({ type: 'done', migrationId: migration.id, durationMs });
  }
  if (!connection.isEmbedded) await unlockSchema(connection);
  const durationMs = Math.round(performance.now() - started);
  settings.onEvent({ type: 'finished', applied: report.applied, durationMs });
  return report;
}

/** Creates the ledger, with what drizzle's own migrator has applied of the same files. */
async function openLedger(
  connection: DedicatedConnection,
  adopted: readonly Migration[],
  embedding: EmbeddingShape,
): Promise<void> {
  await connection.transaction(async (scope) => {
    await createLedger(scope);
    for (const migration of adopted)
      await recordState(scope, migration, 'done', embedding, { isAdopted: true });
  });
}

function settle(embedding: EmbeddingShape, options: MigrateOptions): ApplySettings {
  const { onProgress, signal, lockWaitMs = 0, lockTimeoutMs = 2_000, retryForMs = 60_000 } = options;
  const issues: InputIssue[] = [];
  if (!Number.isInteger(lockTimeoutMs) || lockTimeoutMs < 1) {
    issues.push({ path: 'lockTimeoutMs', message: 'must be a whole number of milliseconds above 0' });
  }
  for (const [path, value] of Object.entries({ lockWaitMs, retryForMs })) {
    if (!(value >= 0)) issues.push({ path, message: 'must be a number of milliseconds, 0 or more' });
  }
  if (issues.length > 0) throw invalidInput(OPERATION, issues);
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
      if (signal?.aborted) throw aborted(OPERATION);
    },
  };
}

export function toMigrateError(operation: string, error: unknown): MigrateError {
  return dedicatedFailure(operation, error) as MigrateError;
}
