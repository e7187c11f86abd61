import type { ResultAsync } from 'neverthrow';
import type { CallOptions } from '../database/executor.js';
import type { InvalidInputError, ReadError, WriteError } from '../errors.js';
import type { DatabaseHealth, Reading } from './database-health.js';
import type { GrowthForecast } from './growth/forecast.js';
import type { ForecastGrowthOptions, GrowthSnapshot, RecordGrowthOptions } from './growth/growth.js';
import type { TargetStanding } from './targets.js';

/** What the store tells of itself and of its servers. */
export interface DatabaseMetrics {
  /**
   * Everything counted since the store was made, in the text format that Prometheus scrapes
   * (`text/plain; version=0.0.4`). Read at once and without I/O.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * console.log(store.metrics.toPrometheus().includes('macro_ai_store_cache_reads_total')); // true
   * await store.close();
   * ```
   */
  toPrometheus(): string;
  /**
   * How the database stands: sessions, slow statements, cache, pool, sizes, indexes, replication, migrations. What
   * the server does not tell this role is `{ available: false, reason, advice }`, and the rest is there. Slow
   * statements and the hit ratio are those since the collection before, by this store.
   *
   * Six or seven round trips on two connections of the pool, side by side; for a dashboard, not for each request.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * const health = await store.metrics.collectMetrics();
   * if (health.isOk()) console.log(health.value.migrations, health.value.relations.invalidIndexes); // … []
   * await store.close();
   * ```
   */
  collectMetrics(options?: CallOptions): ResultAsync<DatabaseHealth, ReadError>;
  /**
   * Each target with what was measured over `alerts.windowSeconds` and whether it is kept. At once and without
   * I/O. The use of the pool is that of this moment. The percentiles are at most 1/32 too high, of each statement
   * with its wait for a connection, and need 20 statements; `no-data` before, or with `telemetry.countOperations`
   * off and no `alerts`.
   */
  targets(): readonly TargetStanding[];
  /**
   * Writes down what the database and its tables take now, once an hour: within it, whoever asks gets the snapshot that
   * is there, so any number of processes may call it on their timers. Deletes what is older than `keepDays`. Reads
   * no rows; one round trip.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * const snapshot = await store.metrics.recordGrowth();
   * if (snapshot.isOk()) console.log(snapshot.value.isNew, snapshot.value.databaseBytes > 0); // true true
   * await store.close();
   * ```
   */
  recordGrowth(options?: RecordGrowthOptions): ResultAsync<GrowthSnapshot, WriteError | InvalidInputError>;
  /**
   * What the database and each of its tables will take, by the median growth between snapshots of different days
   * (Theil and Sen): one import or VACUUM FULL among many days changes it little, and widens the interval.
   * `too-few-snapshots` before there are three days of them. One round trip.
   *
   * @example
   * ```ts
   * import { createMacroStore } from '@macro-ai/store';
   *
   * const store = createMacroStore();
   * const forecast = await store.metrics.forecastGrowth({ days: 90, limitBytes: 200e9 });
   * if (forecast.isOk() && forecast.value.available) console.log(forecast.value.limit?.expectedAt);
   * await store.close();
   * ```
   */
  forecastGrowth(
    options?: ForecastGrowthOptions,
  ): ResultAsync<Reading<GrowthForecast>, ReadError | InvalidInputError>;
}
