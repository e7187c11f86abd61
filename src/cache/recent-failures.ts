import { LRUCache } from 'lru-cache';
import type { Err } from 'neverthrow';
import type { CacheLoadError } from './cache-service.js';

export type FailedLoad = Err<never, CacheLoadError>;

const MAX_FAILURES = 1_000;

/** Loads that failed a moment ago and are not to be tried again yet. */
export class RecentFailures {
  readonly #failures = new LRUCache<string, { failure: FailedLoad; notedAt: number; until: number }>({
    max: MAX_FAILURES,
  });
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  note(key: string, failure: FailedLoad, forMs: number): void {
    const notedAt = this.#clock();
    if (forMs > 0) this.#failures.set(key, { failure, notedAt, until: notedAt + forMs });
  }

  find(key: string): FailedLoad | undefined {
    const noted = this.#failures.get(key);
    if (noted === undefined) return undefined;
    const now = this.#clock();
    if (now < noted.until && now >= noted.notedAt) return noted.failure;
    this.#failures.delete(key);
    return undefined;
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
