import { hasKind, storeError } from '../errors.js';
import type { CallOptions, Driver, QueryOptions, QueryRows, TransactionSession } from './executor.js';
import type { ConnectionPool } from './pool.js';
import { type Checkout, type ServerResult, send } from './send.js';
import type { BoundStatement } from './statement.js';
import { binaryWire } from './vector-wire.js';

/** Runs statements on a pg pool. */
export function createPostgresDriver(pool: ConnectionPool): Driver {
  return {
    wire: binaryWire,

    async query(statement, options) {
      try {
        return await queryOnce(pool, statement, options);
      } catch (error) {
        // A connection can die while it is idle, and only its next statement notices. A read may go again,
        // once, on another one.
        if (options.access === 'write' || !hasKind(error, 'unavailable') || options.signal?.aborted)
          throw error;
        return await queryOnce(pool, statement, options);
      }
    },

    async begin(operation, modes, options) {
      const checkout = { client: await pool.acquire(operation, options.signal), isBroken: false };
      try {
        await control(pool, checkout, operation, `begin ${modes}`, options);
      } catch (error) {
        // Whether a transaction is open is unknown, so nobody may have this connection.
        pool.release(checkout.client, true);
        throw error;
      }
      return createSession(pool, checkout, operation);
    },
  };
}

async function queryOnce(
  pool: ConnectionPool,
  statement: BoundStatement,
  options: QueryOptions,
): Promise<QueryRows> {
  const checkout = { client: await pool.acquire(statement.operation, options.signal), isBroken: false };
  try {
    return await send(pool, checkout, statement, options);
  } finally {
    pool.release(checkout.client, checkout.isBroken);
  }
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
  return {
    // As reads, also changes: a connection lost before COMMIT has changed nothing, the server rolls back.
    query: (statement, options) => send(pool, checkout, statement, { ...options, access: 'read' }),
    enter: (work) => work(),

    async commit() {
      try {
        const { command } = await control(pool, checkout, operation, 'commit');
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
        if (!checkout.isBroken) await control(pool, checkout, operation, 'rollback');
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
