/** Where a key stands with one limit. */
export interface Standing {
  /** Until what was asked for would pass; 0: it passes. */
  readonly retryMicros: number;
  /** Whole units that would pass now. */
  readonly remaining: number;
  /** Until all is as if nothing had been spent. */
  readonly resetMicros: number;
}

export type Level = Omit<Standing, 'retryMicros'>;

/** What a limiter remembers of a key: GCRA `[arrivalMicros]`, a sliding window `[index, previous, current]`. */
export type State = readonly number[];

/** The question whether a cost passes, with what follows from either answer. */
export interface Trial {
  readonly retryMicros: number;
  /** If it is not spent. */
  readonly before: Level;
  /** If it is spent, with the state to keep. */
  readonly after: Level;
  readonly next: State;
}

/** A way of counting; the same as in `limit-scripts.ts`, for this process alone. */
export interface Algorithm {
  attempt(state: State | undefined, nowMicros: number, rule: Counting, cost: number): Trial;
  /** The state after units are given back (below 0) or charged without asking; `undefined`: as if new. */
  adjust(state: State | undefined, nowMicros: number, rule: Counting, units: number): State | undefined;
}

export interface Counting {
  readonly spanMicros: number;
  readonly capacity: number;
}
