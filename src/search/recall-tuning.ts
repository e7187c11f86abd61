/** The strategies that can miss a neighbour. */
export type ApproximateStrategy = 'codes' | 'hnsw';

/** Compared searches before anything is changed, since one search of ten hits moves by steps of 0.1. */
const WINDOW = 50;
const STEP = 1.5;
const MAX_EFFORT = 8;

interface Window {
  effort: number;
  recalls: number[];
  /** Over all windows. */
  samples: number;
  lastMean: number | null;
}

export interface RecallState {
  /** Searches compared with the exact answer so far. */
  readonly samples: number;
  /** Of the last 50; `null` before there were as many. */
  readonly recall: number | null;
  /** By how much candidates and `efSearch` are raised above their defaults, 1–8. */
  readonly effort: number;
}

/**
 * Raises the effort of a strategy whose recall falls below the target, window by window, and lowers it again
 * after a window without a miss.
 */
export class RecallTuning {
  private readonly windows: Readonly<Record<ApproximateStrategy, Window>> = {
    codes: { effort: 1, recalls: [], samples: 0, lastMean: null },
    hnsw: { effort: 1, recalls: [], samples: 0, lastMean: null },
  };

  constructor(private readonly target: number) {}

  effort(strategy: ApproximateStrategy): number {
    return this.windows[strategy].effort;
  }

  record(strategy: ApproximateStrategy, recall: number): void {
    const window = this.windows[strategy];
    window.recalls.push(recall);
    window.samples += 1;
    if (window.recalls.length < WINDOW) return;
    const mean = window.recalls.reduce((sum, value) => sum + value, 0) / window.recalls.length;
    if (mean < this.target) window.effort = Math.min(MAX_EFFORT, window.effort * STEP);
    else if (mean === 1) window.effort = Math.max(1, window.effort / STEP);
    window.lastMean = mean;
    window.recalls = [];
  }

  state(strategy: ApproximateStrategy): RecallState {
    const { samples, lastMean, effort } = this.windows[strategy];
    return { samples, recall: lastMean, effort };
  }
}
