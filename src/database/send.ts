import type pg from 'pg';
import { aborted, type StoreError, storeError, type WriteErrorKind } from '../errors.js';
import { fromSqlState, sqlStateOf } from '../sql-state.js';
import type { QueryOptions } from './executor.js';
import { type ConnectionPool, destroySocket } from './managed-pool.js';
import { queryPrepared, takesQueryClasses } from './prepared-query.js';
import { decodeTypes, rawTypes } from './result-types.js';
import { beyondSession, type SessionSettings, settingsStatement } from './session-settings.js';
import type { BoundStatement } from './statement.js';

/** How much later than the server we give a statement up, so that the server's own answer comes first. */
const TIMEOUT_MARGIN_MS = 1_000;
/** How long a cancelled statement may take to end before its connection is cut. */
const CANCEL_GRACE_MS = 1_000;

/** A client in our hands, and whether it may go back to the pool. */
export interface Checkout {
  readonly client: pg.PoolClient;
  isBroken: boolean;
}

export interface ServerResult {
  readonly rows: readonly unknown[];
  readonly command: string;
}

/**
 * Sends one statement, and ends it on the server when its signal fires. Rejects with a `StoreError`,
 * and marks the checkout when the error is one of the connection and not only of the statement.
 */
export function send(
  pool: ConnectionPool,
  checkout: Checkout,
  statement: BoundStatement,
  options: QueryOptions,
): Promise<ServerResult> {
  return supervise(pool, checkout, statement, options, () =>
    query(pool, checkout.client, statement, options),
  );
}

/** What {@link send} promises of a statement, for whatever `run` sends. */
export async function supervise<T>(
  pool: ConnectionPool,
  checkout: Checkout,
  statement: Pick<BoundStatement, 'operation' | 'name'>,
  options: QueryOptions,
  run: () => Promise<T>,
): Promise<T> {
  const { client } = checkout;
  const { signal } = options;
  if (signal?.aborted) throw aborted(statement.operation);

  let interruption: 'timeout' | 'aborted' | null = null;
  const stopTimer = pool.deadlines.add(
    performance.now() + pool.statementTimeoutMillis + TIMEOUT_MARGIN_MS,
    () => {
      interruption = 'timeout';
      destroySocket(client);
    },
  );
  const onAbort = () => {
    interruption = 'aborted';
    void cancel(pool, client);
  };
  signal?.addEventListener('abort', onAbort, { once: true });

  try {
    return await run();
  } catch (error) {
    if (statement.name !== null && STALE_STATEMENT.has(sqlStateOf(error) ?? '')) {
      checkout.isBroken = true;
      throw staleStatement(statement.operation, error);
    }
    checkout.isBroken = !isConnectionIntact(error);
    throw failure(error, interruption, statement.operation, options.access, pool.statementTimeoutMillis);
  } finally {
    stopTimer();
    signal?.removeEventListener('abort', onAbort);
    // The cancel may have missed its statement; it must not hit the next user of this connection.
    if (interruption === 'aborted') checkout.isBroken = true;
  }
}

function query(
  { isOwned, pooler }: ConnectionPool,
  client: pg.PoolClient,
  statement: BoundStatement,
  { raw = false, settings: needed }: QueryOptions,
): Promise<ServerResult> {
  const { text, values } = statement;
  // A pooler in transaction mode hands the next statement to a backend that never saw the name.
  const name = pooler === 'none' ? statement.name : null;
  const settings = isOwned && pooler === 'none' ? beyondSession(needed) : (needed ?? null);
  if (isOwned ? name !== null || settings !== null : settings !== null && takesQueryClasses(client)) {
    return queryPrepared(client, { name, text, values, settings });
  }
  const run = () =>
    client.query({
      text,
      values: values as unknown[],
      types: raw ? rawTypes : decodeTypes,
      ...(name === null ? {} : { name }),
      ...(raw ? { rowMode: 'array' } : {}),
    });
  return settings === null ? run() : withSettings(client, settings, run);
}

/**
 * On a client that takes no query class of ours: in a transaction, since a setting must not outlive the
 * statement. All four are handed to pg at once: a client which pipelines needs one round trip for them.
 */
async function withSettings(
  client: pg.PoolClient,
  settings: SessionSettings,
  run: () => Promise<ServerResult>,
): Promise<ServerResult> {
  const { text, values } = settingsStatement(settings);
  const begun = client.query('begin');
  const set = client.query(text, [...values]);
  const result = run();
  // After a failed statement the server answers this with a rollback, and no error.
  const committed = client.query('commit');
  // All of them, before the client goes to somebody else; the first that failed is the reason of the others.
  const outcomes = await Promise.allSettled([begun, set, result, committed]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return result;
}

/** Asks the server, on a connection of its own, to end what the client runs; cuts the client off if that fails. */
async function cancel(pool: ConnectionPool, client: pg.PoolClient): Promise<void> {
  let extra: pg.Client | null = null;
  const cutOff = setTimeout(() => {
    destroySocket(client);
    if (extra !== null) destroySocket(extra);
  }, CANCEL_GRACE_MS);
  try {
    // Behind a transaction pooler the process id is the pooler's own invention.
    if (pool.pooler !== 'none') throw new Error('no backend to cancel');
    extra = await pool.openExtraClient();
    try {
      await extra.query('select pg_cancel_backend($1)', [
        (client as unknown as { processID: number }).processID,
      ]);
    } finally {
      await extra.end();
    }
  } catch {
    // The caller asked to stop waiting: without a polite way the connection goes, and the server rolls back.
    destroySocket(client);
  } finally {
    clearTimeout(cutOff);
  }
}

/**
 * A prepared statement that the server does not run as it is: the columns it returns have changed with a
 * migration (0A000), or it is gone (26000). Nothing was executed, and another connection prepares it anew.
 */
export const STALE_STATEMENT: ReadonlySet<string> = new Set(['0A000', '26000']);

/** A SQLSTATE means that the server still talks, unless it says goodbye with it. */
function isConnectionIntact(error: unknown): boolean {
  const sqlState = sqlStateOf(error);
  return sqlState !== undefined && !/^(08|57P)/.test(sqlState);
}

function failure(
  error: unknown,
  interruption: 'timeout' | 'aborted' | null,
  operation: string,
  access: QueryOptions['access'],
  timeoutMs: number,
): StoreError<WriteErrorKind> {
  if (isConnectionIntact(error)) {
    if (interruption === 'aborted' && sqlStateOf(error) === '57014') {
      return storeError(
        'aborted',
        operation,
        'aborted by its signal; the server ended the statement',
        {},
        error,
      );
    }
    return fromSqlState(operation, sqlStateOf(error) ?? '', error);
  }
  if (access === 'write') {
    const message = 'the connection was lost after the statement was sent; it may have taken effect';
    return storeError('outcome-unknown', operation, message, {}, error);
  }
  if (interruption === 'aborted') return aborted(operation, error);
  if (interruption === 'timeout') {
    return storeError('timeout', operation, 'the server did not answer in time', { timeoutMs }, error);
  }
  const sqlState = sqlStateOf(error);
  const fields = sqlState === undefined ? {} : { sqlState };
  return storeError('unavailable', operation, 'the connection to the server was lost', fields, error);
}

function staleStatement(operation: string, error: unknown): StoreError<'unavailable'> {
  const sqlState = sqlStateOf(error) ?? '';
  const message = `the statement has to be prepared anew, on another connection (${sqlState})`;
  return storeError('unavailable', operation, message, { sqlState }, error);
}
