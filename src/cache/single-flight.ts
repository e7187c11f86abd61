import type { Fence, KeyFences } from './key-fences.js';

interface Flight<T> {
  readonly fence: Fence;
  readonly landing: Promise<T>;
}

/**
 * One piece of work a key at a time, shared by all who ask while it is under way. A write of the key ends
 * the sharing: who asks after it starts anew, beside the work that began before.
 */
export class SingleFlight<T> {
  readonly #fences: KeyFences;
  readonly #flights = new Map<string, Flight<T>>();

  constructor(fences: KeyFences) {
    this.#fences = fences;
  }

  /** Joins the key's work or starts it. `work` gets the fence that tells whether its result may be stored. */
  join(key: string, work: (fence: Fence) => Promise<T>): { landing: Promise<T>; isShared: boolean } {
    const running = this.#flights.get(key);
    if (running !== undefined && !running.fence.isBroken) return { landing: running.landing, isShared: true };

    const fence = this.#fences.enter(key);
    const landing = work(fence).finally(() => {
      this.#fences.leave(key, fence);
      // Only its own entry: after a write a newer flight may have taken the place.
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight: Flight<T> = { fence, landing };
    this.#flights.set(key, flight);
    return { landing, isShared: false };
  }
}
