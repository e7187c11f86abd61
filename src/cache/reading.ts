/** What Redis said of one value at one moment. */
export interface Reading {
  readonly text: string | null;
  /** What is left of its life; `Infinity` for a key somebody stored without one. */
  readonly leftMs: number;
  /** The token of who may fill it now, a note of a failed load, or '' for nobody. */
  readonly lease: string;
}

export interface ReadTerms {
  /** Whose lease it becomes where no value is fresh; none is taken without `leaseMs`. */
  readonly token: string;
  readonly leaseMs: number;
  /** How long before its end a value counts as stale already. */
  readonly earlyMs: number;
}

export const NO_LEASE: ReadTerms = { token: '', leaseMs: 0, earlyMs: 0 };

/** Of the answer of the script that reads: three parts a value. */
export function toReadings(answers: readonly unknown[]): Reading[] {
  const readings: Reading[] = [];
  for (let at = 0; at < answers.length; at += 3) {
    const text = answers[at];
    const left = Number(answers[at + 1]);
    readings.push({
      text: typeof text === 'string' ? text : null,
      leftMs: left < 0 ? Infinity : left,
      lease: String(answers[at + 2]),
    });
  }
  return readings;
}
