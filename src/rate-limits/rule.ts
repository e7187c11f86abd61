import type { RateLimit } from '../config/rate-limit-config.js';

/** A limit made ready for counting, in whole units and microseconds. */
export interface Rule {
  /** Of its place in the store: those of the configuration by their names, others by their numbers. */
  readonly id: string;
  /** What headers and outcomes call it. */
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
  readonly algorithm: 'gcra' | 'sliding-window';
  readonly whenUnavailable: 'local' | 'open' | 'closed';
  /** How long one unit takes to come back; of a sliding window its length. */
  readonly spanMicros: number;
  /** What may pass at once, and so the highest cost of a call. */
  readonly capacity: number;
}

const MICROS_PER_SECOND = 1_000_000;

/** Makes a checked limit ready. `configuredName` is `null` for one that a call brought along. */
export function makeRule(limit: RateLimit, configuredName: string | null): Rule {
  const { windowSeconds, algorithm = 'gcra', whenUnavailable = 'local' } = limit;
  const windowMicros = Math.round(windowSeconds * MICROS_PER_SECOND);
  const isGcra = algorithm === 'gcra';
  const capacity = isGcra ? (limit.burst ?? limit.limit) : limit.limit;
  const name = configuredName ?? `${limit.limit}-per-${windowSeconds}s`;
  return {
    // `=` is in no configured name.
    id: configuredName ?? `=${algorithm}:${limit.limit}:${windowMicros}:${capacity}`,
    name,
    limit: limit.limit,
    windowSeconds,
    algorithm,
    whenUnavailable,
    // Rounded up, so that never more than the limit comes back within a window.
    spanMicros: isGcra ? Math.ceil(windowMicros / limit.limit) : windowMicros,
    capacity,
  };
}
