/**
 * A clock that is read once a millisecond at most: reading the time costs more than the rest of a hit in
 * memory. A clock that is not the system's is asked each time.
 */
export function coarseClock(clock: () => number): () => number {
  if (clock !== Date.now) return clock;
  let now: number | null = null;
  const forget = () => {
    now = null;
  };
  return () => {
    if (now === null) {
      now = Date.now();
      setTimeout(forget, 1).unref();
    }
    return now;
  };
}
