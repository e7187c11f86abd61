/** Linear steps a power of two. */
const STEPS = 32;
/** From 2^-10 ms, about a microsecond, to 2^22 ms, above an hour. */
const MIN_EXPONENT = -10;
const MAX_EXPONENT = 22;
const BUCKETS = (MAX_EXPONENT - MIN_EXPONENT) * STEPS;

/** The most that a percentile is above the true one of the recorded values, as a share of it: a step of 1/32. */
export const MAX_RELATIVE_ERROR = 1 / STEPS;

/**
 * Counts durations in buckets that are linear within each power of two, as HDR histograms do: the relative error
 * is the same for microseconds and minutes, the memory fixed (4 KiB), and histograms add up.
 */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  record(durationMs: number): void {
    const index = bucketOf(durationMs);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total += 1;
  }

  add(other: LatencyHistogram): void {
    for (let index = 0; index < BUCKETS; index += 1) {
      this.#counts[index] = (this.#counts[index] ?? 0) + (other.#counts[index] ?? 0);
    }
    this.#total += other.#total;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  /** The upper end of the bucket that the share of the values reaches; `null` without values. */
  percentile(share: number): number | null {
    if (this.#total === 0) return null;
    let missing = Math.max(1, Math.ceil(share * this.#total));
    for (let index = 0; index < BUCKETS; index += 1) {
      missing -= this.#counts[index] ?? 0;
      if (missing <= 0) return upperEndOf(index);
    }
    return upperEndOf(BUCKETS - 1);
  }
}

function bucketOf(durationMs: number): number {
  if (!(durationMs > 2 ** MIN_EXPONENT)) return 0;
  const exponent = Math.floor(Math.log2(durationMs));
  const step = Math.floor((durationMs / 2 ** exponent - 1) * STEPS);
  return Math.min(BUCKETS - 1, (exponent - MIN_EXPONENT) * STEPS + step);
}

function upperEndOf(index: number): number {
  const exponent = Math.floor(index / STEPS) + MIN_EXPONENT;
  return 2 ** exponent * (1 + ((index % STEPS) + 1) / STEPS);
}
