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
}
