import { setTimeout as sleep } from 'node:timers/promises';
import { buildConcurrently } from '../database/concurrent-index.js';
import type { DedicatedConnection } from '../database/dedicated-connection.js';
import { IndexDiffersError } from '../database/index-definition.js';
import { storeError } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { fromSqlState, sqlStateOf } from '../sql-state.js';
import type { OnMigrationEvent } from './events.js';
import { ensureVectorExtension } from './extension.js';
import { recordState } from './ledger.js';
import { type Migration, renderStatement } from './migration.js';

export interface ApplySettings {
  readonly embedding: EmbeddingShape;
  readonly lockTimeoutMs: number;
  readonly retryForMs: number;
  readonly onEvent: OnMigrationEvent;
  assertNotAborted(): void;
}

const OPERATION = 'migrations.migrate';

/** lock_not_available, deadlock_detected. Both mean: somebody else was there first, try again. */
const RETRYABLE = new Set(['55P03', '40P01']);

/** Applies one migration, again after a lock it did not get, within a bounded time. */
export async function applyMigration(
  connection: DedicatedConnection,
  migration: Migration,
  settings: ApplySettings,
): Promise<void> {
  const started = performance.now();
  const progress = { step: 0 };
  for (let attempt = 1; ; attempt += 1) {
    settings.assertNotAborted();
    progress.step = 0;
    try {
      if (migration.id.endsWith('_extension')) await ensureVectorExtension(connection);
      if (migration.isTransactional) await applyInTransaction(connection, migration, settings, progress);
      else await applyAlone(connection, migration, settings, progress);
      return;
    } catch (error) {
      const sqlState = sqlStateOf(error);
      const pause = 100 + Math.random() * 400;
      const mayRetry = sqlState !== undefined && RETRYABLE.has(sqlState);
      if (!mayRetry || performance.now() + pause - started > settings.retryForMs) {
        throw failure(migration, progress.step, error);
      }
      settings.onEvent({ type: 'retrying', migrationId: migration.id, attempt, sqlState });
      await sleep(pause);
    }
  }
}

/** The statements and the ledger's entry, all or nothing. */
async function applyInTransaction(
  connection: DedicatedConnection,
  migration: Migration,
  { embedding, lockTimeoutMs, onEvent }: ApplySettings,
  progress: { step: number },
): Promise<void> {
  await connection.transaction(async (scope) => {
    // A statement that queues for a lock blocks everyone behind it: give up early, let them pass, come again.
    await scope.query(`set local lock_timeout = ${lockTimeoutMs}`);
    for (const statement of migration.statements) {
      progress.step += 1;
      await scope.query(renderStatement(statement, embedding));
      onEvent({
        type: 'statement-done',
        migrationId: migration.id,
        step: progress.step,
        steps: migration.statements.length,
      });
    }
    await recordState(scope, migration, 'done', embedding);
  });
}

/** Marked before and after, so that the next run knows what a crash left half done. */
async function applyAlone(
  connection: DedicatedConnection,
  migration: Migration,
  { embedding, onEvent }: ApplySettings,
  progress: { step: number },
): Promise<void> {
  await recordState(connection, migration, 'started', embedding);
  onEvent({ type: 'statement-done', migrationId: migration.id, step: 0, steps: 1 });
  progress.step = 1;
  const statement = renderStatement(migration.statements[0] ?? '', embedding);
  const { id: migrationId, concurrentIndex } = migration;
  if (concurrentIndex === null) await connection.query(statement);
  else {
    const build = { operation: OPERATION, index: concurrentIndex, statement };
    await buildConcurrently(connection, build, (event) => onEvent({ ...event, migrationId }));
  }
  onEvent({ type: 'statement-done', migrationId, step: 1, steps: 1 });
  await recordState(connection, migration, 'done', embedding);
}

function failure(migration: Migration, step: number, error: unknown): unknown {
  const sqlState = sqlStateOf(error);
  if (sqlState === undefined && !(error instanceof IndexDiffersError)) return error;
  // The server is going or out of a resource: that is no fault of the migration.
  if (sqlState !== undefined && fromSqlState(OPERATION, sqlState, error).kind === 'unavailable') return error;
  const reason = error instanceof IndexDiffersError ? error.message : `SQLSTATE ${sqlState}`;
  const rest = migration.isTransactional
    ? 'nothing of this migration was kept'
    : 'the next run clears up what it left';
  const fields = { migrationId: migration.id, step, ...(sqlState === undefined ? {} : { sqlState }) };
  return storeError(
    'migration-failed',
    OPERATION,
    `${migration.id}, statement ${step}: ${reason}; ${rest}`,
    fields,
    error,
  );
}
