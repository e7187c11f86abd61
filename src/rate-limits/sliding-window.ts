import type { Algorithm, State } from './trial.js';

/**
 * Two counters: of this calendar window and of the one before, which counts by the share of it that the last
 * window's length still covers. So at most the limit passes in each calendar window.
 */
export const slidingWindow: Algorithm = {
  attempt(state, now, { spanMicros, capacity }, cost) {
    const { index, elapsed, previous, current } = at(state, now, spanMicros);
    const carried = (previous * (spanMicros - elapsed)) / spanMicros;
    const levelOf = (count: number) => ({
      remaining: Math.max(0, Math.floor(capacity - count - carried)),
      resetMicros: count > 0 ? 2 * spanMicros - elapsed : previous > 0 ? spanMicros - elapsed : 0,
    });
    return {
      retryMicros: retryMicros(capacity - cost),
      before: levelOf(current),
      after: levelOf(current + cost),
      next: [index, previous, current + cost],
    };

    function retryMicros(room: number): number {
      if (current + carried <= room) return 0;
      // Either the share of the window before shrinks enough in this one, or this one's does in the next.
      if (current <= room)
        return Math.ceil((spanMicros * (previous - (room - current))) / previous) - elapsed;
      return spanMicros - elapsed + Math.ceil((spanMicros * (current - room)) / current);
    }
  },

  adjust(state, now, { spanMicros, capacity }, units) {
    const { index, previous, current } = at(state, now, spanMicros);
    const count = Math.min(current + units, 2 * capacity);
    // What this window has not spent was spent in the one before.
    const before = Math.max(0, previous + Math.min(0, count));
    return count > 0 || before > 0 ? [index, before, Math.max(0, count)] : undefined;
  },
};

function at(state: State | undefined, now: number, spanMicros: number) {
  const [storedIndex = -2, storedPrevious = 0, storedCurrent = 0] = state ?? [];
  // A clock that was set back counts on in the window it has reached before.
  const index = Math.max(Math.floor(now / spanMicros), storedIndex);
  const elapsed = Math.max(0, now - index * spanMicros);
  if (storedIndex === index) return { index, elapsed, previous: storedPrevious, current: storedCurrent };
  return { index, elapsed, previous: storedIndex === index - 1 ? storedCurrent : 0, current: 0 };
}
