import { LatencyHistogram } from './latency-histogram.js';

const SLICES = 12;

interface Slice {
  /** Which slice of all time it is of. */
  turn: number;
  readonly histogram: LatencyHistogram;
}

/** Durations of the last `windowMs`, in a ring of slices: what is older leaves a slice at a time. */
export class LatencyWindow {
  readonly #slices = Array.from(
    { length: SLICES },
    (): Slice => ({ turn: -1, histogram: new LatencyHistogram() }),
  );
  readonly #sliceMs: number;

  constructor(
    windowMs: number,
    private readonly clock: () => number,
  ) {
    this.#sliceMs = windowMs / SLICES;
  }

  record(durationMs: number): void {
    const turn = this.#turn();
    const slice = this.#slices[turn % SLICES];
    if (slice === undefined) return;
    if (slice.turn !== turn) {
      slice.turn = turn;
      slice.histogram.clear();
    }
    slice.histogram.record(durationMs);
  }

  /** `null` with fewer values than `atLeast`, of which a percentile says nothing. */
  percentile(share: number, atLeast: number): number | null {
    const now = this.#turn();
    const all = new LatencyHistogram();
    for (const { turn, histogram } of this.#slices) if (turn >= 0 && turn > now - SLICES) all.add(histogram);
    return all.total < atLeast ? null : all.percentile(share);
  }

  #turn(): number {
    return Math.floor(this.clock() / this.#sliceMs);
  }
}
