import type { CacheStats } from '../cache/cache-stats.js';
import type { ResolvedTelemetry } from '../config/telemetry-config.js';
import type { PoolState } from '../database/managed-pool.js';
import type { Observer, StoreEvent, Telemetry } from '../telemetry.js';
import { countConnections, countOperations, showPool } from './client-metrics.js';
import { combineObservers } from './observers.js';
import { hasSubscribers, publishOperations } from './operation-channels.js';
import { PrometheusMeter } from './prometheus-meter.js';
import { reportSlowOperations } from './slow-operations.js';
import { traceOperations } from './spans.js';
import { createStatementText } from './statement-text.js';
import { countEvents, showCache } from './store-metrics.js';

/** What is read at each reading of the metrics. */
export interface Shown {
  /** `null`: there is no pool. */
  readonly pool: (() => PoolState) | null;
  readonly cache: () => CacheStats;
}

/** One store, observed: the telemetry its rooms report to, and what becomes of it. */
export interface Observation {
  readonly telemetry: Telemetry;
  /** Once, when there is something to show. */
  show(shown: Shown): void;
  toPrometheus(): string;
  /** Once all is closed: takes what is shown off the meter that was given, after its next reading. */
  close(): void;
}

export interface ObservationOptions extends Omit<ResolvedTelemetry, 'slowQueryMillis'> {
  /** Whether the database has a pool of connections. */
  readonly hasPool: boolean;
  readonly log: (event: StoreEvent) => void;
  /** Further ones that want to hear of operations. */
  readonly observers?: readonly Partial<Observer>[];
}

export function createObservation({
  meter,
  tracer,
  slowOperationMillis,
  countOperations: counts,
  poolName,
  hasPool,
  log,
  observers: further = [],
}: ObservationOptions): Observation {
  const prometheus = new PrometheusMeter();
  const meters = meter === undefined ? [prometheus] : [prometheus, meter];
  const statementTextOf = createStatementText();
  const eventCounters = meters.map(countEvents);
  const event = (reported: StoreEvent) => {
    log(reported);
    for (const count of eventCounters) count(reported);
  };

  const wanted = counts ? meters : meters.slice(1);
  const steady: Partial<Observer>[] = [
    ...wanted.flatMap((one) => [countOperations(one), ...(hasPool ? [countConnections(one, poolName)] : [])]),
    ...(tracer === undefined ? [] : [traceOperations(tracer, statementTextOf)]),
    ...(slowOperationMillis === undefined
      ? []
      : [reportSlowOperations(slowOperationMillis, event, statementTextOf)]),
    ...further,
  ];
  let hasFailed = false;
  const observers = combineObservers([...steady, publishOperations], () => {
    if (hasFailed) return;
    hasFailed = true;
    event({ type: 'telemetry.observer-failed' });
  });

  let endings: readonly (() => void)[] = [];
  return {
    telemetry: {
      event,
      get observer() {
        return steady.length > 0 || hasSubscribers() ? observers : null;
      },
    },
    show({ pool, cache }) {
      const shownOn = (one: (typeof meters)[number]) => [
        showCache(one, cache),
        ...(pool === null ? [] : [showPool(one, poolName, pool)]),
      ];
      shownOn(prometheus);
      endings = meter === undefined ? [] : shownOn(meter);
    },
    toPrometheus: () => prometheus.text(),
    close() {
      for (const end of endings) end();
    },
  };
}
