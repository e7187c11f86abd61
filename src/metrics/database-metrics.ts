import type { ResultAsync } from 'neverthrow';
import type { CallOptions } from '../database/executor.js';
import type { ReadError } from '../errors.js';
import type { DatabaseHealth } from './database-health.js';
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
   * Five or six round trips on two connections of the pool, side by side; for a dashboard, not for each request.
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
}
