import { setTimeout as sleep } from 'node:timers/promises';

/** What the caches of a check are in front of: one version for all keys, and a count of its loads. */
export class Source {
  version = 1;
  loads = 0;
  /** Of loads at the same time, the most. */
  mostAtOnce = 0;
  delayMs: number;
  #running = 0;
  #failure: Error | null = null;
  #onLoad: (() => void) | null = null;

  constructor(delayMs = 0) {
    this.delayMs = delayMs;
  }

  failWith(failure: Error | null): void {
    this.#failure = failure;
  }

  /** Resolves when the next load has read its version, and so is about to return what may be old by then. */
  loading(): Promise<void> {
    return new Promise((resolve) => {
      this.#onLoad = resolve;
    });
  }

  load = async (id: string): Promise<{ id: string; version: number }> => {
    const loaded = { id, version: this.version };
    this.loads += 1;
    this.#running += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#running);
    this.#onLoad?.();
    await sleep(this.delayMs);
    this.#running -= 1;
    if (this.#failure !== null) throw this.#failure;
    return loaded;
  };
}

export function versionOf(value: unknown): number | undefined {
  return (value as { readonly version?: number } | null | undefined)?.version;
}
