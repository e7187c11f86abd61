import type { Batch } from './joined-writes.js';

/** One wait; it ends once, by its owner or by its deadline. */
export interface Wait {
  isOver: boolean;
  onLate: (() => void) | null;
  /** The wait begins when this was sent. */
  readonly batch: Batch;
}

/**
 * Ends waits of one length that are over time, with a single timer for all of them: one for each command would
 * cost as much as the rest of sending it.
 */
export class CommandDeadlines {
  readonly #lengthMs: number;
  // In the order of their ends, which is that of their beginnings.
  #waits: Wait[] = [];
  #first = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  start(batch: Batch, onLate: () => void): Wait {
    const wait: Wait = { isOver: false, onLate, batch };
    this.#forgetEnded();
    this.#waits.push(wait);
    this.#timer ??= this.#wake(this.#lengthMs);
    return wait;
  }

  /** Whether the wait was not over yet. */
  end(wait: Wait): boolean {
    const wasWaiting = !wait.isOver;
    wait.isOver = true;
    wait.onLate = null;
    return wasWaiting;
  }

  /** Ends all waits as late at once. */
  endAll(): void {
    for (let at = this.#first; at < this.#waits.length; at += 1) this.#endAsLate(this.#waits[at]);
  }

  #endAsLate(wait: Wait | undefined): void {
    const onLate = wait?.onLate;
    if (wait !== undefined && this.end(wait)) onLate?.();
  }

  #forgetEnded(): void {
    while (this.#waits[this.#first]?.isOver) this.#first += 1;
    // Moved together rarely, so that each wait is moved once on average.
    if (this.#first < 256 || this.#first * 2 < this.#waits.length) return;
    this.#waits = this.#waits.slice(this.#first);
    this.#first = 0;
  }

  #wake(ms: number): NodeJS.Timeout {
    // After the event loop was blocked, timers run before sockets are read. One turn more, and an answer
    // that has already arrived counts; else a garbage collection would look like a Redis out of reach.
    const timer = setTimeout(() => setImmediate(() => this.#endLate()), ms);
    // The socket that an answer would come from keeps the process alive as long as there is something to wait for.
    return timer.unref();
  }

  #endLate(): void {
    const nowMs = performance.now();
    for (let at = this.#first; at < this.#waits.length; at += 1) {
      const wait = this.#waits[at];
      if (wait === undefined || this.#dueMs(wait) > nowMs) break;
      this.#endAsLate(wait);
    }
    this.#forgetEnded();
    const next = this.#waits[this.#first];
    // What is not sent yet has its whole time before it.
    const leftMs = next === undefined ? 0 : Math.min(this.#lengthMs, this.#dueMs(next) - nowMs);
    this.#timer = next === undefined ? null : this.#wake(leftMs);
  }

  #dueMs({ batch }: Wait): number {
    return batch.sentAtMs + this.#lengthMs;
  }
}
