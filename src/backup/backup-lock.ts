import { setTimeout as sleep } from 'node:timers/promises';
import type { DedicatedConnection } from '../database/dedicated-connection.js';
import { backupRefused } from './backup-failure.js';

/** Polled: a session that blocks on a lock holds a snapshot, which index builds wait for. */
const POLL_MS = 100;
const LOCK_KEY = "hashtext('@macro-ai/store backup'), hashtext($1)";

/** One backup of a name at a time; the session holds it until it ends. */
export async function lockBackups(
  connection: DedicatedConnection,
  {
    operation,
    name,
    waitMs,
    signal,
  }: {
    readonly operation: string;
    readonly name: string;
    readonly waitMs: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const started = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const [row] = await connection.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(${LOCK_KEY}) as locked`,
      [name],
    );
    if (row?.locked) return;
    if (performance.now() - started >= waitMs) {
      throw backupRefused(operation, 'running', 'another process is backing this database up');
    }
    await sleep(POLL_MS / 2 + Math.random() * POLL_MS);
  }
}
