import type { Algorithm, Counting, Level, Standing } from './trial.js';

/**
 * The generic cell rate algorithm. The state is the theoretical arrival time: the moment at which all that was
 * spent has come back. A cost passes while that moment is no further off than the capacity takes to come back.
 */
export const gcra: Algorithm = {
  attempt(state, now, { spanMicros, capacity }, cost) {
    const fullMicros = capacity * spanMicros;
    const arrival = Math.max(state?.[0] ?? 0, now);
    const spent = arrival + cost * spanMicros;
    const levelAt = (at: number): Level => ({
      remaining: Math.max(0, Math.floor((fullMicros - (at - now)) / spanMicros)),
      resetMicros: at - now,
    });
    return {
      retryMicros: Math.max(0, spent - now - fullMicros),
      before: levelAt(arrival),
      after: levelAt(spent),
      next: [spent],
    };
  },

  adjust(state, now, { spanMicros, capacity }, units) {
    const arrival = Math.max(state?.[0] ?? 0, now) + units * spanMicros;
    // A debt is bounded, so that one wrong figure does not lock a key out for ever.
    const bounded = Math.min(arrival, now + 2 * capacity * spanMicros);
    return bounded > now ? [bounded] : undefined;
  },
};

/** What `SPEND_GCRA` answered about a cost: how much is spent, or below 0 what is missing. */
export function standingOfLevel(answer: number, { spanMicros, capacity }: Counting, cost: number): Standing {
  const fullMicros = capacity * spanMicros;
  const retryMicros = Math.max(0, -answer);
  const resetMicros = answer < 0 ? fullMicros + retryMicros - cost * spanMicros : answer;
  const remaining = Math.max(0, Math.floor((fullMicros - resetMicros) / spanMicros));
  return { retryMicros, remaining, resetMicros };
}
