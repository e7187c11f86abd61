import { isStoreError, type StoreErrorKind } from './errors.js';

/** What the rooms report: facts without values, never bodies, vectors, keys or addresses. */
export type StoreEvent =
  | { readonly type: 'database.connection-lost'; readonly sqlState: string | null }
  | { readonly type: 'database.transaction-retried'; readonly attempt: number }
  | { readonly type: 'redis.unavailable'; readonly reason: string }
  | { readonly type: 'redis.recovered' }
  /** A value in Redis that cannot be decoded; it is treated as a miss and deleted. */
  | { readonly type: 'cache.corrupt-entry' }
  /**
   * Redis does not tell the cache of changes. `publish`: other processes do, but of their own writes only.
   * `nothing`: memory is not used while Redis is in reach.
   */
  | { readonly type: 'cache.untracked'; readonly listensTo: 'publish' | 'nothing' }
  /** The database did not note the use of a session; `kind` is that of the error. */
  | { readonly type: 'sessions.use-not-noted'; readonly kind: string }
  /** A live search was compared with its exact answer. */
  | {
      readonly type: 'search.recall-sampled';
      readonly strategy: 'codes' | 'hnsw';
      readonly recall: number;
      readonly scopeRows: number;
      /** By how much candidates and `efSearch` are raised above their defaults from now on. */
      readonly effort: number;
    }
  /** The exact answer to compare with could not be had; `kind` is that of the error. */
  | { readonly type: 'search.recall-not-sampled'; readonly kind: string }
  /** A call that took as long as `telemetry.slowOperationMillis`; its statement is without values. */
  | ({ readonly type: 'operation.slow' } & OperationEnd)
  /** A target was breached, or is kept again; `value` in the unit of the target. */
  | {
      readonly type: 'alert.fired' | 'alert.recovered';
      readonly target: string;
      readonly value: number | null;
      readonly limit: number;
    }
  | { readonly type: 'alert.callback-threw'; readonly target: string }
  /** The meter, the tracer or another observer threw; told once. */
  | { readonly type: 'telemetry.observer-failed' };

/** One call to a server: a statement, a COPY, the BEGIN or the COMMIT of a transaction, a command or script of Redis. */
export interface OperationStart {
  readonly system: 'postgresql' | 'redis';
  /** `room.method`, one of a few; never an id. */
  readonly operation: string;
  /** As it is sent: with placeholders for the store's own values. `null` for what has no text. */
  readonly statementText: string | null;
}

export interface OperationEnd extends OperationStart {
  /** With the wait for a connection, and with what was tried again on another. */
  readonly durationMs: number;
  /** `null`: not of a kind that returns rows, or failed. */
  readonly returnedRows: number | null;
  readonly errorKind: StoreErrorKind | null;
}

/** Hears of every operation, and of the connections of the pool. */
export interface Observer {
  /** What it gives is handed to `operationEnded` with the end of the same operation. */
  operationStarted(start: OperationStart): unknown;
  operationEnded(end: OperationEnd, started: unknown): void;
  /** Of a pool of ours: the application's own pool does not tell when it began. */
  connectionCreated(durationMs: number): void;
  /** A connection was had; `durationMs` from when it was asked for. */
  waitEnded(durationMs: number): void;
  /** A connection went back to the pool; `durationMs` from when it was had. */
  useEnded(durationMs: number): void;
  acquireTimedOut(): void;
}

/** The port the rooms report to. */
export interface Telemetry {
  event(event: StoreEvent): void;
  /** Absent or `null`: nobody listens at the moment, and an operation is not even timed. */
  readonly observer?: Observer | null;
}

/** The part of a logger we use; `console`, and most loggers through two lines of glue, fit. */
export interface Logger {
  info(message: string, fields: object): void;
  warn(message: string, fields: object): void;
}

/** Runs an operation and tells of it, if anybody listens. What it rejects with is a `StoreError`. */
export function observed<T>(
  { observer }: Telemetry,
  start: OperationStart,
  run: () => Promise<T>,
  rowsOf: (value: T) => number | null,
): Promise<T> {
  return observer == null ? run() : runObserved(observer, start, run, rowsOf);
}

// Then, and not await; and each field by its name: an operation takes a tenth of a millisecond, and this is in each.
function runObserved<T>(
  observer: Observer,
  start: OperationStart,
  run: () => Promise<T>,
  rowsOf: (value: T) => number | null,
): Promise<T> {
  const started = observer.operationStarted(start);
  const startedAt = performance.now();
  return run().then(
    (value) => {
      observer.operationEnded(endOf(start, startedAt, rowsOf(value), null), started);
      return value;
    },
    (error: unknown) => {
      observer.operationEnded(
        endOf(start, startedAt, null, isStoreError(error) ? error.kind : 'internal'),
        started,
      );
      throw error;
    },
  );
}

/** The end of an operation that began at `startedAt`, by `performance.now()`, and is over now. */
export function endOf(
  { system, operation, statementText }: OperationStart,
  startedAt: number,
  returnedRows: number | null,
  errorKind: StoreErrorKind | null,
): OperationEnd {
  const durationMs = performance.now() - startedAt;
  return { system, operation, statementText, durationMs, returnedRows, errorKind };
}

export const silentTelemetry: Telemetry = { event: () => undefined };

const INFORMATIONAL: ReadonlySet<StoreEvent['type']> = new Set<StoreEvent['type']>([
  'redis.recovered',
  'alert.recovered',
  'search.recall-sampled',
]);

/** Telemetry that writes each event as one line of the given logger. */
export function loggingTelemetry(logger: Logger): Telemetry {
  return {
    event(event) {
      const { type, ...fields } = event;
      if (INFORMATIONAL.has(type)) logger.info(type, fields);
      else logger.warn(type, fields);
    },
  };
}
