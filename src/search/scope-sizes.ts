import { LRUCache } from 'lru-cache';

/** Scopes that are remembered; about 200 bytes each. */
const MAX_SCOPES = 20_000;
/** How long a count is taken for true. Until then a grown user is searched by the strategy of a smaller one: slower, never wrong. */
const FRESH_MS = 60_000;

export interface ScopeSize {
  readonly rows: number;
  /** `false`: the next search counts again. */
  readonly isFresh: boolean;
}

/** How many rows the scopes searched lately had. Searches count them on the way, at most once a minute each. */
export class ScopeSizes {
  private readonly counts = new LRUCache<string, { rows: number; countedAt: number }>({ max: MAX_SCOPES });

  constructor(private readonly clock: () => number) {}

  find(scope: string): ScopeSize | null {
    const count = this.counts.get(scope);
    if (count === undefined) return null;
    return { rows: count.rows, isFresh: this.clock() - count.countedAt < FRESH_MS };
  }

  learn(scope: string, rows: number): void {
    this.counts.set(scope, { rows, countedAt: this.clock() });
  }
}
