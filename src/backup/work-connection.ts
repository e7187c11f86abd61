import type pg from 'pg';
import { connectDedicated, type DedicatedConnection } from '../database/dedicated-connection.js';

export const APPLICATION_NAME = 'macro-store backup';

/** For work that has to clean up on its connection after an abort. */
export const UNINTERRUPTED: AbortSignal = new AbortController().signal;

/** Runs work on a connection of its own without time limits, which it closes, at once where the signal fires. */
export async function withConnection<T>(
  operation: string,
  settings: pg.ClientConfig,
  signal: AbortSignal,
  work: (connection: DedicatedConnection) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const connection = await connectDedicated(settings, { operation, applicationName: APPLICATION_NAME });
  const onAbort = () => void connection.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted(); // it fired while the connection was made
    // A session that nobody listens to any more gives its lock and its snapshot back, also in the middle of a long
    // count. Not every platform can.
    await connection.query("set client_connection_check_interval = '2s'").catch(() => undefined);
    // Those of a newer server are passed over by an older one. A dump may take hours, in which we only wait.
    await connection.query(`select set_config(name, '0', false) from pg_settings where name in
      ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout',
       'idle_session_timeout')`);
    // A count that row security cuts short would be wrong: better an error, as from pg_dump.
    await connection.query('set row_security = off');
    return await work(connection);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await connection.close();
  }
}

/** The version as the server tells it, e.g. `15.20`, and its major. */
export async function serverVersion(
  connection: DedicatedConnection,
): Promise<{ readonly text: string; readonly major: number }> {
  const [row] = await connection.query<{ text: string; number: number }>(
    `select split_part(current_setting('server_version'), ' ', 1) as text,
       current_setting('server_version_num')::int as number`,
  );
  if (row === undefined) throw new Error('the server gave no version');
  return { text: row.text, major: Math.floor(row.number / 10_000) };
}
