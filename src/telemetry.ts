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
  | { readonly type: 'search.recall-not-sampled'; readonly kind: string };

/** The port the rooms report to. */
export interface Telemetry {
  event(event: StoreEvent): void;
}

/** The part of a logger we use; `console`, and most loggers through two lines of glue, fit. */
export interface Logger {
  info(message: string, fields: object): void;
  warn(message: string, fields: object): void;
}

export const silentTelemetry: Telemetry = { event: () => undefined };

const INFORMATIONAL: ReadonlySet<StoreEvent['type']> = new Set<StoreEvent['type']>([
  'redis.recovered',
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
