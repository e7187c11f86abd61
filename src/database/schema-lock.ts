import { setTimeout as sleep } from 'node:timers/promises';
import { type LockHolder, storeError } from '../errors.js';
import type { DedicatedConnection } from './dedicated-connection.js';

/** Polled, never waited for: a session that blocks on the lock holds a snapshot, which a concurrent index build waits for. */
const POLL_MS = 100;
const REPORT_EVERY_MS = 1_000;
const LOCK_CLASS = "hashtext('@macro-ai/store migrations')";
/** Advisory locks are per database; the schema tells two stores in one database apart. */
const LOCK_KEY = `${LOCK_CLASS}, hashtext(current_schema())`;

/** What a wait for the lock reports. */
export type SchemaLockEvent =
  /** About once a second while another runner works. */
  | { readonly type: 'lock-waiting'; readonly waitedMs: number; readonly holder: LockHolder | null }
  | { readonly type: 'locked'; readonly waitedMs: number };

export interface SchemaLockSettings {
  readonly operation: string;
  readonly lockWaitMs: number;
  readonly onEvent: (event: SchemaLockEvent) => void;
  assertNotAborted(): void;
}

/**
 * Takes the session lock of this database and schema, so that one session at a time changes its tables and
 * indexes. Migrations and index work share it: two concurrent index builds on one table wait for each other's
 * lock and snapshot, which is a deadlock.
 */
export async function lockSchema(
  connection: DedicatedConnection,
  { operation, lockWaitMs, onEvent, assertNotAborted }: SchemaLockSettings,
): Promise<void> {
  const started = performance.now();
  let reported = started - REPORT_EVERY_MS;
  for (;;) {
    assertNotAborted();
    const [row] = await connection.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(${LOCK_KEY}) as locked`,
    );
    const waitedMs = Math.round(performance.now() - started);
    if (row?.locked) return onEvent({ type: 'locked', waitedMs });
    const isLate = waitedMs > lockWaitMs;
    if (isLate || performance.now() - reported >= REPORT_EVERY_MS) {
      reported = performance.now();
      const holder = await findHolder(connection);
      if (isLate) throw lockTimeout(operation, lockWaitMs, holder);
      onEvent({ type: 'lock-waiting', waitedMs, holder });
    }
    await sleep(POLL_MS / 2 + Math.random() * POLL_MS);
  }
}

export async function unlockSchema(connection: DedicatedConnection): Promise<void> {
  await connection.query(`select pg_advisory_unlock(${LOCK_KEY})`);
}

async function findHolder(connection: DedicatedConnection): Promise<LockHolder | null> {
  // Advisory lock keys are shown as unsigned; hashtext is signed.
  const [holder] = await connection.query<LockHolder>(`
    select l.pid, a.application_name as "applicationName",
      (extract(epoch from clock_timestamp() - a.backend_start) * 1000)::float8 as "ageMs"
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted and l.objsubid = 2
      and l.database = (select oid from pg_database where datname = current_database())
      and l.classid::bigint = ${LOCK_CLASS}::bigint & 4294967295
      and l.objid::bigint = hashtext(current_schema())::bigint & 4294967295
    limit 1`);
  return holder ?? null;
}

function lockTimeout(operation: string, lockWaitMs: number, holder: LockHolder | null) {
  const who = holder === null ? 'it is free again by now' : `process ${holder.pid} of the server holds it`;
  return storeError(
    'migration-lock-timeout',
    operation,
    `the lock was not free within ${lockWaitMs} ms; ${who}`,
    {
      holder,
    },
  );
}
