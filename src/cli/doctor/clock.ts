import { type Finding, ok, problem } from './finding.js';

/** Another clock against this process's, in milliseconds. */
export interface ClockReading {
  /** Above 0: the other one is ahead. */
  readonly offsetMs: number;
  /** Half of the round trip: the offset may be off by so much. */
  readonly uncertaintyMs: number;
}

const TOLERATED_MS = 1_000;

/** Asks the other clock once, which gives milliseconds since 1970. */
export async function readClock(now: () => number, ask: () => Promise<number>): Promise<ClockReading> {
  const asked = now();
  const theirs = await ask();
  const answered = now();
  return { offsetMs: theirs - (asked + answered) / 2, uncertaintyMs: (answered - asked) / 2 };
}

/** The id names the other clock, as `clock.postgres`. */
export function checkClock(id: string, name: string, { offsetMs, uncertaintyMs }: ClockReading): Finding {
  const apart = Math.round(Math.abs(offsetMs));
  if (apart <= TOLERATED_MS + uncertaintyMs) return ok(id, `within ${TOLERATED_MS} ms of this process`);
  return problem(
    id,
    'warn',
    `the clock of ${name} is ${apart} ms ${offsetMs > 0 ? 'ahead of' : 'behind'} this process`,
    'run NTP on both machines: times of messages, and when sessions and limits end, go by these clocks',
  );
}
