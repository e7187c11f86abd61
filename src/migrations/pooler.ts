import { storeError } from '../errors.js';
import type { MigrationConnection } from './connection.js';

/**
 * Refuses a pooler in transaction mode, where the lock would be taken on one backend and given back on another.
 *
 * A direct connection is told at once: the id that the server announced is its backend's. Behind a pooler it is
 * not, and then a second session that holds a transaction tells the mode: in session mode our backend stays ours.
 */
export async function refuseTransactionPooler(connection: MigrationConnection): Promise<void> {
  if (connection.isEmbedded) return;
  const mine = await backendOf(connection);
  if (mine === connection.processId) return;
  const other = await connection.openAnother();
  try {
    await other.query('begin');
    const theirs = await backendOf(other);
    const mineNow = await backendOf(connection);
    await other.query('rollback');
    if (theirs === mine || mineNow !== mine) {
      throw storeError(
        'pooler-refused',
        'migrations.migrate',
        'a pooler in transaction mode is in between; migrate over a direct connection (database.migrationUrl)',
      );
    }
  } finally {
    await other.close();
  }
}

async function backendOf(connection: MigrationConnection): Promise<number | undefined> {
  const [row] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
  return row?.pid;
}
