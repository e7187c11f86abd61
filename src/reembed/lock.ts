import { setTimeout as sleep } from 'node:timers/promises';
import type { DedicatedScope } from '../database/dedicated-connection.js';
import { lockSchema, unlockSchema } from '../database/schema-lock.js';
import { storeError } from '../errors.js';
import { sqlStateOf } from '../sql-state.js';
import type { ReembedStep } from './events.js';
import type { ReembedRun } from './run-settings.js';

const POLL_MS = 100;
const REPORT_EVERY_MS = 1_000;
const LOCK_KEY = "hashtext('@macro-ai/store reembed'), hashtext(current_schema())";

/**
 * One process at a time. A lock of its own, held for the whole run: migrations must not wait for hours.
 * Polled, as the schema's is, since a session that waits for a lock holds a snapshot.
 */
export async function lockReembedding({
  operation,
  connection,
  lockWaitMs,
  report,
  assertNotAborted,
}: ReembedRun): Promise<void> {
  if (connection.isEmbedded) return;
  const started = performance.now();
  let reported = started;
  for (;;) {
    assertNotAborted();
    const [row] = await connection.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(${LOCK_KEY}) as locked`,
    );
    if (row?.locked) return;
    const waitedMs = Math.round(performance.now() - started);
    if (waitedMs >= lockWaitMs) {
      const message = `another process is at it, and was for the ${lockWaitMs} ms that this one waited`;
      throw storeError('reembed-refused', operation, message, { reason: 'running' });
    }
    if (performance.now() - reported >= REPORT_EVERY_MS) {
      reported = performance.now();
      report({ type: 'lock-waiting', waitedMs });
    }
    await sleep(Math.min(POLL_MS / 2 + Math.random() * POLL_MS, lockWaitMs - waitedMs));
  }
}

/** Keeps migrations and index work out while this changes tables. */
export async function withSchemaLock<T>(run: ReembedRun, work: () => Promise<T>): Promise<T> {
  const { connection, operation, lockWaitMs, assertNotAborted, report } = run;
  if (connection.isEmbedded) return work();
  await lockSchema(connection, {
    operation,
    lockWaitMs: Math.max(lockWaitMs, run.retryForMs),
    assertNotAborted,
    onEvent: (event) => {
      if (event.type === 'lock-waiting') report({ type: 'lock-waiting', waitedMs: event.waitedMs });
    },
  });
  try {
    return await work();
  } finally {
    await unlockSchema(connection);
  }
}

/** lock_not_available, deadlock_detected. Both mean: somebody else was there first, try again. */
const RETRYABLE: ReadonlySet<string> = new Set(['55P03', '40P01']);

export function isLockFailure(error: unknown): boolean {
  return RETRYABLE.has(sqlStateOf(error) ?? '');
}

/** One transaction that does not queue for a lock for long: whoever comes after would wait behind it. */
export function shortTransaction<T>(
  { connection, lockTimeoutMs }: ReembedRun,
  work: (scope: DedicatedScope) => Promise<T>,
): Promise<T> {
  return connection.transaction(async (scope) => {
    // Whatever the server's default: a statement after one that has waited must see what it waited for.
    await scope.query('set transaction isolation level read committed');
    await scope.query(`set local lock_timeout = ${lockTimeoutMs}`);
    return work(scope);
  });
}

/** As {@link shortTransaction}, again and again until it gets its locks. */
export async function inTransaction<T>(
  run: ReembedRun,
  step: ReembedStep,
  work: (scope: DedicatedScope) => Promise<T>,
): Promise<T> {
  const started = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    run.assertNotAborted();
    try {
      return await shortTransaction(run, work);
    } catch (error) {
      if (!isLockFailure(error)) throw error;
      const pause = 50 + Math.random() * 200;
      if (performance.now() + pause - started > run.retryForMs) {
        const message = `the table was not free within ${run.retryForMs} ms; look for a transaction that stays open`;
        throw storeError('reembed-refused', run.operation, message, { reason: 'table-in-use' }, error);
      }
      run.report({ type: 'retrying', step, attempt, sqlState: sqlStateOf(error) ?? '' });
      await sleep(pause);
    }
  }
}
