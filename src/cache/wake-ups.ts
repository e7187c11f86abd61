/** Those who wait for a key to change. */
export class WakeUps {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Until the key changes, or for `ms`. */
  wait(key: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const sleepers = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, sleepers);
      const wake = () => {
        clearTimeout(timer);
        sleepers.delete(wake);
        if (sleepers.size === 0 && this.#waiting.get(key) === sleepers) this.#waiting.delete(key);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      sleepers.add(wake);
    });
  }

  wake(key: string): void {
    for (const wake of this.#waiting.get(key) ?? []) wake();
  }

  wakeAll(): void {
    for (const key of [...this.#waiting.keys()]) this.wake(key);
  }
}
