/** What the store tells of itself and of its servers. */
export interface DatabaseMetrics {
  /**
   * Everything counted since the store was made, in the text format that Prometheus scrapes
   * (`text/plain; version=0.0.4`). Read at once and without I/O.
   */
  toPrometheus(): string;
}
