import { setTimeout as sleep } from 'node:timers/promises';
import { storeError } from '../errors.js';
import { sqlStateOf } from '../sql-state.js';
import type { DedicatedConnection } from './dedicated-connection.js';

const ROUNDS = 3;
const PATIENCE_MS = 1_000;

/**
 * Refuses a pooler in transaction mode, where the lock would be taken on one backend and given back on another.
 *
 * A direct connection is told at once: the id that the server announced is its backend's. Behind a pooler it is
 * not, and then a second session that holds a transaction tells the mode: in session mode our backend stays ours.
 */
export async function refuseTransactionPooler(
  connection: DedicatedConnection,
  operation: string,
): Promise<void> {
  if (connection.isEmbedded) return;
  const mine = await backendOf(connection);
  if (mine === connection.processId) return;
  const other = await connection.openAnother();
  try {
    if (!(await sharesBackends(connection, other, mine))) return;
  } finally {
    await other.close();
  }
  throw storeError(
    'pooler-refused',
    operation,
    'a pooler in transaction mode is in between; go over a direct connection (database.migrationUrl)',
  );
}

/** More than one round: a busy pooler, or one that deals its backends out in turn, may give ours back by chance. */
async function sharesBackends(
  connection: DedicatedConnection,
  other: DedicatedConnection,
  mine: number | undefined,
): Promise<boolean> {
  for (let round = 1; round <= ROUNDS; round += 1) {
    let theirs: number | undefined;
    const begin = async () => {
      await other.query('begin');
      theirs = await backendOf(other);
    };
    const begun = begin();
    begun.catch(() => undefined); // may end with the connection, after we have stopped waiting
    try {
      await Promise.race([begun, sleep(PATIENCE_MS)]);
    } catch (error) {
      if (sqlStateOf(error) === '08P01') return true; // statement mode: no transactions at all
      throw error;
    }
    if (theirs === mine) return true;
    if ((await backendOf(connection)) !== mine) return true;
    // In transaction mode our statement stood in line behind theirs. It is through and theirs is not: each
    // session has a backend of its own, and the pooler has none to spare.
    if (theirs === undefined) return false;
    await other.query('rollback');
    // Twice: a pooler with two backends that takes turns would deal theirs and ours in step.
    if ((await backendOf(connection)) !== mine || (await backendOf(connection)) !== mine) return true;
  }
  return false;
}

async function backendOf(connection: DedicatedConnection): Promise<number | undefined> {
  const [row] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
  return row?.pid;
}
