import { setTimeout as sleep } from 'node:timers/promises';
import type { DedicatedConnection } from './dedicated-connection.js';

const CANCEL_EVERY_MS = 250;

/**
 * Runs a statement that the signal cancels on the server, from a second connection; where none can be opened,
 * by closing this one. Rejects as the driver does, once the statement is over. The embedded database cannot
 * be asked while it works: there the statement goes to its end.
 */
export async function cancellable(
  connection: DedicatedConnection,
  statement: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined || connection.isEmbedded) {
    await connection.query(statement);
    return;
  }
  const [backend] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
  const over = new AbortController();
  let cancelling: Promise<void> = Promise.resolve();
  const cancel = () => {
    cancelling = cancelUntil(over.signal, connection, backend?.pid);
  };
  signal.addEventListener('abort', cancel, { once: true });
  const running = connection.query(statement);
  if (signal.aborted) cancel();
  try {
    await running;
  } finally {
    signal.removeEventListener('abort', cancel);
    over.abort();
    // A cancellation still under way would hit the next statement.
    await cancelling;
  }
}

/** Again and again: a cancellation that comes between two waits of the statement's own can be lost. */
async function cancelUntil(
  over: AbortSignal,
  connection: DedicatedConnection,
  pid: number | undefined,
): Promise<void> {
  let canceller: DedicatedConnection | null = null;
  try {
    canceller = await connection.openAnother();
    while (!over.aborted) {
      await canceller.query('select pg_cancel_backend($1)', [pid]);
      await sleep(CANCEL_EVERY_MS, undefined, { signal: over }).catch(() => undefined);
    }
  } catch {
    // No second connection, or it is gone: the server cancels what it runs for a client that left. The
    // statement rejects then, which is what the caller waits for.
    await connection.close();
  } finally {
    await canceller?.close();
  }
}
