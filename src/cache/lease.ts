import type { RedisTier } from './redis-tier.js';

/** How long nobody else loads after the one who does was last heard of. */
export const LEASE_MS = 2_000;

/** The right to load and store some keys, prolonged until it is given back. */
export class Lease {
  readonly token: string;
  readonly #redis: RedisTier;
  readonly #names: readonly string[];
  readonly #renewal: NodeJS.Timeout;

  constructor(redis: RedisTier, token: string, names: readonly string[]) {
    this.token = token;
    this.#redis = redis;
    this.#names = names;
    this.#renewal = setInterval(() => void redis.renewLease(token, names, LEASE_MS), LEASE_MS / 3);
    this.#renewal.unref();
  }

  /** It was used up by a fill, or is left to run out. */
  stop(): void {
    clearInterval(this.#renewal);
  }

  /** Lets others load at once the keys it still holds. */
  release(names = this.#names): Promise<void> {
    return this.#redis.endLease(this.token, names);
  }

  /** Keeps all from loading for `ms`; `note` tells them why. */
  fail(note: string, ms: number): Promise<void> {
    return this.#redis.endLease(this.token, this.#names, note, ms);
  }
}
