/** Well below the 10 ms that nothing of ours may block the event loop: what a step does more comes on top. */
const SLICE_MS = 2;

/** The turn of a long piece of work in the event loop. */
export class TimeSlice {
  private startedAt = performance.now();

  get isOver(): boolean {
    return performance.now() - this.startedAt > SLICE_MS;
  }

  /** Lets everything else have its turn. */
  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.startedAt = performance.now();
  }
}
