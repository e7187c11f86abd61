interface Sample {
  readonly at: number;
  readonly part: number;
  readonly whole: number;
}

/** The share of two counters that only grow, over the last `windowMs`, from their values when asked. */
export class RatioWindow {
  #samples: Sample[] = [];

  constructor(
    private readonly windowMs: number,
    private readonly clock: () => number,
  ) {}

  /** `null` while the whole has grown by less than `atLeast` in the window. */
  next(part: number, whole: number, atLeast: number): number | null {
    const at = this.clock();
    const begin = at - this.windowMs;
    const last = this.#samples.at(-1);
    // The clock was set back: the window begins anew.
    if (last !== undefined && last.at > at) this.#samples = [{ ...last, at }];
    // The last one before the window stays: the window is counted from there.
    while ((this.#samples[1]?.at ?? Number.POSITIVE_INFINITY) <= begin) this.#samples.shift();
    const before = this.#samples[0] ?? { at, part: 0, whole: 0 };
    // Asked at every turn of a fast clock, it must not grow without end.
    if (at - (this.#samples.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= this.windowMs / 100) {
      this.#samples.push({ at, part, whole });
    }
    const grown = whole - before.whole;
    return grown < atLeast ? null : (part - before.part) / grown;
  }
}
