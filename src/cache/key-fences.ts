/** Whether the key has changed since the work that holds this fence began, as far as this process knows. */
export interface Fence {
  readonly isBroken: boolean;
}

interface CountedFence {
  isBroken: boolean;
  holders: number;
}

/**
 * Keeps work that began before a change from acting after it: a load, a reply that is on its way, or an
 * older write takes the key's fence first and looks at it before it stores anything.
 *
 * Only keys with work under way take memory.
 */
export class KeyFences {
  readonly #standing = new Map<string, CountedFence>();

  /** The key's fence. Every `enter` and `renew` must be followed by one `leave`. */
  enter(key: string): Fence {
    let fence = this.#standing.get(key);
    if (fence === undefined) {
      fence = { isBroken: false, holders: 0 };
      this.#standing.set(key, fence);
    }
    fence.holders += 1;
    return fence;
  }

  /** Breaks the key's fence for all who hold it. */
  break(key: string): void {
    const old = this.#standing.get(key);
    if (old === undefined) return;
    old.isBroken = true;
    this.#standing.delete(key);
  }

  breakAll(): void {
    for (const fence of this.#standing.values()) fence.isBroken = true;
    this.#standing.clear();
  }

  /** Breaks the key's fence for all who hold it, and enters a new one. */
  renew(key: string): Fence {
    this.break(key);
    return this.enter(key);
  }

  leave(key: string, fence: Fence): void {
    const standing = this.#standing.get(key);
    // A broken fence is in no map any more: it goes with its last holder.
    if (standing === undefined || standing !== fence) return;
    standing.holders -= 1;
    if (standing.holders === 0) this.#standing.delete(key);
  }

  /** Keys with work under way. */
  get size(): number {
    return this.#standing.size;
  }
}
