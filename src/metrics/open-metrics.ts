import type { ResolvedAlerts } from '../config/alert-config.js';
import type { ResolvedTelemetry } from '../config/telemetry-config.js';
import type { Executor } from '../database/executor.js';
import { type Logger, loggingTelemetry, silentTelemetry, type Telemetry } from '../telemetry.js';
import type { DatabaseMetrics } from './database-metrics.js';
import { Growth } from './growth/growth.js';
import { HealthCollector, type HealthParts } from './health-collector.js';
import { createLiveness, type LivenessOptions, type StoreLiveness } from './liveness.js';
import { createObservation } from './observation.js';
import { createReadiness, type HealthOptions, type ReadinessParts, type StoreHealth } from './readiness.js';
import { Targets } from './targets.js';

export interface MetricsSettings {
  readonly telemetry: ResolvedTelemetry;
  readonly alerts: ResolvedAlerts & { readonly isWatched: boolean };
  readonly logger: Logger | null;
  readonly hasPool: boolean;
  readonly clock: () => number;
}

/** What is measured, and whom to ask. */
export interface Measured
  extends Pick<HealthParts, 'executor' | 'pool' | 'cache' | 'search' | 'vectorIndexes' | 'migrationIds'> {
  /** Changes nothing, not even by migrating first. */
  readonly probe: Executor;
  readonly redis: ReadinessParts['redis'];
}

/** The part of a store that tells of it. */
export interface SelfReport {
  readonly metrics: DatabaseMetrics;
  health(options?: HealthOptions): Promise<StoreHealth>;
  liveness(options?: LivenessOptions): StoreLiveness;
}

export interface OpenMetrics {
  /** Which the rooms report to; there before them. */
  readonly telemetry: Telemetry;
  /** Once, when the rooms are there. */
  start(measured: Measured): SelfReport;
  /** No further alerts. */
  stop(): void;
  /** Once all is closed: takes what is shown off the meter that was given, after its next reading. */
  close(): void;
}

/** Observes one store, and holds what it sees against the targets. */
export function openMetrics({ telemetry, alerts, logger, hasPool, clock }: MetricsSettings): OpenMetrics {
  const { isWatched, ...settings } = alerts;
  const targets = new Targets({
    settings,
    isWatched,
    event: (event) => observation.telemetry.event(event),
    clock,
  });
  const observation = createObservation({
    ...telemetry,
    hasPool,
    log: (logger === null ? silentTelemetry : loggingTelemetry(logger)).event,
    observers: isWatched || telemetry.countOperations ? [targets.observer] : [],
  });

  return {
    telemetry: observation.telemetry,
    start({ probe, redis, ...parts }) {
      const { executor, pool, cache } = parts;
      observation.show({ pool, cache });
      targets.start({ pool, cache });
      const growth = new Growth(executor);
      const collector = new HealthCollector({
        ...parts,
        growth,
        slowQueryMillis: telemetry.slowQueryMillis,
        clock,
      });
      return {
        metrics: {
          toPrometheus: observation.toPrometheus,
          collectMetrics: (options) => collector.collect(options),
          targets: () => targets.list(),
          recordGrowth: (options) => growth.record(options),
          forecastGrowth: (options) => growth.forecast(options),
        },
        health: createReadiness({ executor: probe, pool, redis, clock }),
        liveness: createLiveness(pool, clock),
      };
    },
    stop: () => targets.close(),
    close: observation.close,
  };
}
