import { setTimeout as sleep } from 'node:timers/promises';
import { hasKind, isStoreError, storeError } from '../errors.js';
import { copyIn } from './copy-in.js';
import type { CallOptions, Driver, QueryOptions, TransactionSession } from './executor.js';
import type { ConnectionPool } from './managed-pool.js';
import { takesQueryClasses } from './prepared-query.js';
import { type Checkout, type ServerResult, STALE_STATEMENT, send, supervise } from './send.js';
import { binaryWire } from './vector-wire.js';

/** Few: a statement that makes its backend crash must not take the server down again and again. */
const MAX_ATTEMPTS = 3;
const PAUSE_MS = 50;

/** Runs statements on a pg pool. */
export function createPostgresDriver(pool: ConnectionPool): Driver {
  return {
    wire: binaryWire,

    async query(statement, options) {
      for (let attempt = 1; ; attempt += 1) {
        const checkout = { client: await pool.acquire(statement.operation, options.signal), isBroken: false };
        try {
          return await send(pool, checkout, statement, options);
        } catch (error) {
          if (isLastAttempt(attempt, options) || !mayGoAgain(error, options.access)) throw error;
        } finally {
          pool.release(checkout.client, checkout.isBroken);
        }
        await aMoment();
      }
    },

    async begin(operation, modes, options) {
      for (let attempt = 1; ; attempt += 1) {
        const checkout = { client: await pool.acquire(operation, options.signal), isBroken: false };
        try {
          await control(pool, checkout, operation, `begin ${modes}`, options);
          return createSession(pool, checkout, operation);
        } catch (error) {
          // Whether a transaction is open is unknown, so nobody may have this connection.
          pool.release(checkout.client, true);
          if (isLastAttempt(attempt, options) || !mayGoAgain(error, 'read')) throw error;
        }
        await aMoment();
      }
    },
  };
}

function isLastAttempt(attempt: number, { signal }: CallOptions): boolean {
  return attempt === MAX_ATTEMPTS || signal?.aborted === true;
}

/** A server that restarts takes all connections with it; a moment later the pool knows that too. */
function aMoment(): Promise<void> {
  return sleep(Math.random() * PAUSE_MS);
}

/**
 * On another connection: a connection can die while it is idle, and only its next statement
 * notices, which a read may repeat; a stale prepared statement was not run, so that a write may, too.
 */
function mayGoAgain(error: unknown, access: QueryOptions['access']): boolean {
  if (!isStoreError(error) || error.kind !== 'unavailable') return false;
  return access === 'read' || STALE_STATEMENT.has(error.sqlState ?? '');
}

/** BEGIN, COMMIT, ROLLBACK. */
function control(
  pool: ConnectionPool,
  checkout: Checkout,
  operation: string,
  text: string,
  options: CallOptions = {},
): Promise<ServerResult> {
  return send(pool, checkout, { operation, name: null, text, values: [] }, { ...options, access: 'read' });
}

function createSession(pool: ConnectionPool, checkout: Checkout, operation: string): TransactionSession {
  // One after the other, also when the work starts several at once: pg would queue them, and will not for
  // ever. COMMIT waits for those that the work did not.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const result = last.then(task, task);
    last = result;
    return result;
  };
  return {
    // As reads, also changes: a connection lost before COMMIT has changed nothing, the server rolls back.
    query: (statement, options) =>
      inTurn(() => send(pool, checkout, statement, { ...options, access: 'read' })),
    copyIn: takesQueryClasses(checkout.client)
      ? ({ operation: copying, text }, data, options) =>
          inTurn(() =>
            supervise(
              pool,
              checkout,
              { operation: copying, name: null },
              { ...options, access: 'read' },
              () => copyIn(checkout.client, text, data),
            ),
          )
      : null,
    enter: (work) => work(),

    async commit() {
      try {
        const { command } = await inTurn(() => control(pool, checkout, operation, 'commit'));
        // The server answers COMMIT on a failed transaction with ROLLBACK, and no error.
        if (command !== 'COMMIT') {
          throw storeError(
            'transaction-ended',
            operation,
            'an earlier statement failed, so nothing was committed',
          );
        }
      } catch (error) {
        if (!hasKind(error, 'unavailable', 'timeout')) throw error;
        throw storeError('outcome-unknown', operation, 'the connection was lost during COMMIT', {}, error);
      } finally {
        pool.release(checkout.client, checkout.isBroken);
      }
    },

    async rollback() {
      try {
        await inTurn(async () => checkout.isBroken || (await control(pool, checkout, operation, 'rollback')));
      } catch {
        // The connection is cut below, which makes the server roll back. The error that led here is the
        // one that tells the caller something.
        checkout.isBroken = true;
      } finally {
        pool.release(checkout.client, checkout.isBroken);
      }
    },
  };
}
