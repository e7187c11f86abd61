/** Linear steps a power of two. */
const STEPS = 32;
const STEP_BITS = 5;
/** From 1 of 1,024 parts of a millisecond, about a microsecond, to 2^21 ms, above half an hour. */
const PARTS_A_MS = 1_024;
const MAX_PARTS = 2 ** 31 - 1;
const BUCKETS = 31 * STEPS;

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

// In whole numbers: logarithms would cost more than all the rest of counting an operation.
function bucketOf(durationMs: number): number {
  const parts = durationMs * PARTS_A_MS;
  if (!(parts >= 1)) return 0;
  const whole = parts < MAX_PARTS ? Math.floor(parts) : MAX_PARTS;
  const exponent = 31 - Math.clz32(whole);
  // The bits after the first one, as many as there are of the steps.
  const step =
    exponent < STEP_BITS
      ? Math.floor((parts / 2 ** exponent - 1) * STEPS)
      : (whole >>> (exponent - STEP_BITS)) - STEPS;
  return exponent * STEPS + step;
}

function upperEndOf(index: number): number {
  const exponent = Math.floor(index / STEPS);
  return (2 ** exponent * (1 + ((index % STEPS) + 1) / STEPS)) / PARTS_A_MS;
}
