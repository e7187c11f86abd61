export type Timed<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'late' };

/**
 * Waits for `work` for `ms` at most. Work that ends later is ignored; it can ask `isOver` before a step
 * that nobody waits for any more. While it waits, `hangUps` has a function that ends it as late at once.
 */
export function withDeadline<T>(
  ms: number,
  work: (isOver: () => boolean) => Promise<T>,
  hangUps?: Set<() => void>,
): Promise<Timed<T>> {
  return new Promise((resolve) => {
    let isOver = false;
    const timer = setTimeout(giveUpNextTurn, ms);
    hangUps?.add(giveUp);
    // After the event loop was blocked, timers run before sockets are read. One turn more, and an answer
    // that has already arrived counts; else a garbage collection would look like a Redis out of reach.
    function giveUpNextTurn(): void {
      setImmediate(giveUp);
    }
    function giveUp(): void {
      isOver = true;
      end({ kind: 'late' });
    }
    function end(result: Timed<T>): void {
      clearTimeout(timer);
      hangUps?.delete(giveUp);
      resolve(result);
    }
    work(() => isOver).then(
      (value) => end({ kind: 'done', value }),
      (error: unknown) => end({ kind: 'failed', error }),
    );
  });
}
