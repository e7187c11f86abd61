/** Ends waits at their time. */
export interface Deadlines {
  /** Calls `onExpired` at the given time of `performance.now()`; the returned function takes that back. */
  add(at: number, onExpired: () => void): () => void;
}

/**
 * All waits share one timer, which is armed for the earliest and left alone when that is over in time, as
 * nearly all are: a timer set and cleared for each would be the dearest part of a short statement.
 */
export function createDeadlines(): Deadlines {
  const waits = new Set<{ readonly at: number; readonly onExpired: () => void }>();
  let timer: NodeJS.Timeout | undefined;
  let firesAt = Number.POSITIVE_INFINITY;

  const arm = (at: number) => {
    clearTimeout(timer);
    firesAt = at;
    // What is waited for holds the process, a socket; a timer whose wait is over must not.
    timer = setTimeout(expire, at - performance.now()).unref();
  };
  const expire = () => {
    firesAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const wait of [...waits]) {
      if (wait.at > now) next = Math.min(next, wait.at);
      else {
        waits.delete(wait);
        wait.onExpired();
      }
    }
    if (next < firesAt) arm(next);
  };

  return {
    add(at, onExpired) {
      const wait = { at, onExpired };
      waits.add(wait);
      if (at < firesAt) arm(at);
      return () => waits.delete(wait);
    },
  };
}
