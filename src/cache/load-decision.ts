import type { LoadContext } from './cache-options.js';
import { type CachePolicy, jittered } from './cache-policy.js';
import { secondsProblem, ttlToMs } from './time-to-live.js';

/** What a loader is given, and what it decided with it. */
export class LoadDecision implements LoadContext {
  readonly previous: unknown;
  readonly #policy: CachePolicy;
  #own: { readonly ttlMs: number; readonly staleMs: number } | null = null;
  #isSkipped = false;

  constructor(policy: CachePolicy, previous: unknown) {
    this.#policy = policy;
    this.previous = previous;
  }

  setTtl(ttlSeconds: number, staleSeconds = this.#policy.staleMs / 1000): void {
    const problem = secondsProblem(ttlSeconds, 'above 0') ?? secondsProblem(staleSeconds, 'from 0');
    if (problem !== undefined) throw new RangeError(`setTtl: each number of seconds ${problem}`);
    this.#own = { ttlMs: ttlToMs(ttlSeconds), staleMs: Math.round(staleSeconds * 1000) };
  }

  skipStore(): void {
    this.#isSkipped = true;
  }

  get isSkipped(): boolean {
    return this.#isSkipped;
  }

  /** How long a loaded value lives. What the loader chose is not shortened. */
  lifeOf(value: unknown): { readonly ttlMs: number; readonly staleMs: number } {
    if (this.#own !== null) return this.#own;
    const { ttlMs, negativeTtlMs, staleMs, jitter } = this.#policy;
    return { ttlMs: jittered(value === null ? negativeTtlMs : ttlMs, jitter), staleMs };
  }
}
