import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { PoolerMode } from '../config/database-config.js';
import { aborted, isStoreError, type ReadErrorKind, type StoreError, storeError } from '../errors.js';
import { fromSqlState, sqlStateOf } from '../sql-state.js';
import type { Telemetry } from '../telemetry.js';
import { createDeadlines, type Deadlines } from './deadlines.js';

/** A pg pool as the store uses it: bounded waits, no crash on a dying backend, a close that always settles. */
export interface ConnectionPool {
  readonly pgPool: pg.Pool;
  /** Whether its clients are of our making, and not the application's. */
  readonly isOwned: boolean;
  readonly pooler: PoolerMode;
  readonly statementTimeoutMillis: number;
  readonly deadlines: Deadlines;
  /** Costs nothing; also while it is closed. */
  state(): PoolState;
  /** A client, within the acquire timeout. Rejects with a `StoreError`. */
  acquire(operation: string, signal?: AbortSignal): Promise<pg.PoolClient>;
  /** Gives a client back; `broken` closes its connection. */
  release(client: pg.PoolClient, broken: boolean): void;
  /** A connection outside the pool to the same server, e.g. to cancel a statement on it. */
  openExtraClient(): Promise<pg.Client>;
  /** Waits for what runs, at most `deadlineMs`, then cuts it off. An owned pool is ended, a borrowed one left as it was. */
  close(deadlineMs: number): Promise<void>;
}

/** Of a borrowed pool, what the application itself uses is in it too; `waiting` is of the store alone. */
export interface PoolState {
  /** Open connections, and those that are being opened. */
  readonly total: number;
  readonly idle: number;
  readonly max: number;
  readonly min: number;
  /** Calls that wait for a connection, to come free or to be opened. */
  readonly waiting: number;
  /** When a connection last came back to the pool unharmed, in ms of `performance.now()`; `null` before. */
  readonly returnedAtMs: number | null;
}

export interface PoolLimits {
  readonly acquireTimeoutMillis: number;
  readonly statementTimeoutMillis: number;
  readonly maxWaiting: number;
  readonly pooler: PoolerMode;
}

/** What differs between a pool of ours and a borrowed one. */
export interface Ownership {
  readonly isOwned: boolean;
  readonly min: number;
  readonly connectRetryMillis: number;
  /** Added to the message of a connection that failed without a code. */
  readonly connectHint: string;
  openExtraClient(): pg.Client;
  end(): Promise<void>;
}

type AcquireErrorKind = Extract<ReadErrorKind, 'closed' | 'aborted' | 'pool-exhausted'>;

/** Puts bounds around a pg pool: on waits, on what a dying backend can do, on closing. */
export function managePool(
  pgPool: pg.Pool,
  limits: PoolLimits,
  telemetry: Telemetry,
  ownership: Ownership,
): ConnectionPool {
  const deadlines = createDeadlines();
  // With the time from when it is, where anybody wants to know.
  const inUse = new Map<pg.PoolClient, number | null>();
  const waiting = new Set<(error: StoreError<AcquireErrorKind>) => void>();
  let closing: Promise<void> | null = null;
  let returnedAtMs: number | null = null;
  let warmed = ownership.min < 2;
  let reportIdle: () => void = () => undefined;

  // pg-pool takes its own listener off while a client is checked out; without one of ours, a backend that
  // dies then ends the process (drizzle-team/drizzle-orm#3908). The query itself rejects as well.
  const onLost = (error: Error) =>
    telemetry.event({ type: 'database.connection-lost', sqlState: sqlStateOf(error) ?? null });
  pgPool.on('error', onLost);

  /** One wait for a client, that time, abort and close can end; a client that comes too late goes back. */
  const waitForClient = (operation: string, deadline: number, signal: AbortSignal | undefined) =>
    new Promise<pg.PoolClient>((resolve, reject) => {
      let settled = false;
      const settle = () => {
        settled = true;
        stopTimer();
        waiting.delete(giveUp);
        signal?.removeEventListener('abort', onAbort);
      };
      const giveUp = (error: StoreError<AcquireErrorKind>) => {
        settle();
        reject(error);
      };
      const onAbort = () => giveUp(aborted(operation));
      const stopTimer = deadlines.add(deadline, () => {
        telemetry.observer?.acquireTimedOut();
        giveUp(exhausted(operation, 'acquire-timeout', `within ${limits.acquireTimeoutMillis} ms`));
      });
      waiting.add(giveUp);
      signal?.addEventListener('abort', onAbort, { once: true });
      pgPool.connect((error, client) => {
        if (settled) client?.release();
        else {
          settle();
          if (client === undefined) reject(error);
          else resolve(client);
        }
      });
    });

  const acquire = async (operation: string, signal?: AbortSignal): Promise<pg.PoolClient> => {
    if (closing !== null) throw closedError(operation);
    if (signal?.aborted) throw aborted(operation);
    const isFull = pgPool.idleCount === 0 && pgPool.totalCount >= maxOf(pgPool);
    if (isFull && waiting.size >= limits.maxWaiting) {
      throw exhausted(operation, 'queue-full', `and ${limits.maxWaiting} callers wait already`);
    }
    const started = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      try {
        const client = await waitForClient(operation, started + limits.acquireTimeoutMillis, signal);
        client.on('error', onLost);
        const { observer } = telemetry;
        const had = observer == null ? null : performance.now();
        inUse.set(client, had);
        if (had !== null) observer?.waitEnded(had - started);
        if (!warmed) warmUp();
        return client;
      } catch (error) {
        const failure = connectFailure(operation, error, ownership.connectHint);
        const pause = Math.random() * Math.min(250, 10 * 2 ** attempt);
        const mayRetry = failure.kind === 'unavailable' && closing === null && !signal?.aborted;
        if (!mayRetry || performance.now() + pause - started > ownership.connectRetryMillis) throw failure;
        await sleep(pause);
      }
    }
  };

  const release = (client: pg.PoolClient, broken: boolean): void => {
    const had = inUse.get(client);
    if (!inUse.delete(client)) return; // close() was faster
    const nowMs = performance.now();
    if (had != null) telemetry.observer?.useEnded(nowMs - had);
    client.removeListener('error', onLost);
    client.release(broken);
    if (!broken) returnedAtMs = nowMs;
    if (inUse.size === 0) reportIdle();
  };

  // pg's own `min` only stops the eviction of idle clients; it opens none.
  function warmUp(): void {
    warmed = true;
    const missing = Math.max(0, ownership.min - pgPool.totalCount);
    for (let index = 0; index < missing; index += 1) {
      pgPool.connect((_error, client) => client?.release());
    }
  }

  const close = async (deadlineMs: number): Promise<void> => {
    for (const giveUp of [...waiting]) giveUp(closedError('store.close'));
    if (inUse.size > 0) {
      const idle = new Promise<void>((resolve) => {
        reportIdle = resolve;
      });
      await atMost(deadlineMs, idle);
    }
    // A statement that still runs loses its connection, and its caller gets a typed error. Without this the
    // pool's end would wait for its client for ever.
    for (const client of [...inUse.keys()]) release(client, true);
    await ownership.end();
    pgPool.removeListener('error', onLost);
  };

  return {
    pgPool,
    isOwned: ownership.isOwned,
    pooler: limits.pooler,
    statementTimeoutMillis: limits.statementTimeoutMillis,
    deadlines,
    state: () => ({
      total: pgPool.totalCount,
      idle: pgPool.idleCount,
      max: maxOf(pgPool),
      min: Math.max(ownership.min, pgPool.options.min ?? 0),
      waiting: waiting.size,
      returnedAtMs,
    }),
    acquire,
    release,
    async openExtraClient() {
      const client = ownership.openExtraClient();
      client.on('error', onLost);
      await client.connect();
      return client;
    },
    close: (deadlineMs) => {
      closing ??= close(deadlineMs);
      return closing;
    },
  };
}

function maxOf({ options }: pg.Pool): number {
  return options.max ?? 10;
}

/** Waits for the event, but no longer than this, and leaves no timer behind. */
export function atMost(ms: number, event: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void event.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Cuts the connection at once; `client.end()` would wait for the statement that runs. */
export function destroySocket(client: pg.ClientBase): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

function exhausted(operation: string, reason: 'acquire-timeout' | 'queue-full', detail: string) {
  return storeError('pool-exhausted', operation, `no connection was free ${detail}`, { reason });
}

function closedError(operation: string) {
  return storeError('closed', operation, 'the store is closed');
}

/** Nothing was sent yet: whatever went wrong, nothing was changed. */
function connectFailure(operation: string, error: unknown, hint: string): StoreError<ReadErrorKind> {
  if (isStoreError(error)) return error as StoreError<ReadErrorKind>;
  const sqlState = sqlStateOf(error);
  if (sqlState === '08P01') {
    const message =
      "the server refused a start-up setting (08P01); behind a transaction pooler set database.pooler to 'transaction'";
    return storeError('unavailable', operation, message, { sqlState }, error);
  }
  if (sqlState !== undefined) return fromSqlState(operation, sqlState, error) as StoreError<ReadErrorKind>;
  const hasCode = typeof error === 'object' && error !== null && 'code' in error;
  const message = `no connection to the database could be opened${hasCode ? '' : hint}`;
  return storeError('unavailable', operation, message, {}, error);
}
