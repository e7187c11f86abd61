import { LRUCache } from 'lru-cache';
import type { CheckedSearch } from './search-input.js';

/** Scopes that are remembered; about 200 bytes each. */
const MAX_SCOPES = 20_000;
/** How long a count is taken for true. Until then a grown user is searched by the strategy of a smaller one: slower, never wrong. */
const FRESH_MS = 60_000;

export interface ScopeSize {
  /** `null`: met before, not counted yet. */
  readonly rows: number | null;
  /** `false`: the next search counts. */
  readonly isFresh: boolean;
}

type Scope = Pick<CheckedSearch, 'scope' | 'scopeParams'>;

/**
 * How many rows the scopes searched lately had. Searches count them on the way, at most once a minute each;
 * the first search of a scope does not, since most are so small that its answer is all there is.
 */
export class ScopeSizes {
  private readonly counts = new LRUCache<string, { rows: number | null; countedAt: number }>({
    max: MAX_SCOPES,
  });

  constructor(private readonly clock: () => number) {}

  /** `null`: never met, forgotten, or not worth remembering. */
  find(scope: Scope): ScopeSize | null {
    const key = keyOf(scope);
    const count = key === null ? undefined : this.counts.get(key);
    if (count === undefined) return null;
    return { rows: count.rows, isFresh: this.clock() - count.countedAt < FRESH_MS };
  }

  /** There may be more than its first search has found. */
  meet(scope: Scope): void {
    this.put(scope, null, Number.NEGATIVE_INFINITY);
  }

  learn(scope: Scope, rows: number): void {
    this.put(scope, rows, this.clock());
  }

  private put(scope: Scope, rows: number | null, countedAt: number): void {
    const key = keyOf(scope);
    if (key !== null) this.counts.set(key, { rows, countedAt });
  }
}

/** `null`: some messages are few, and never asked for twice. */
function keyOf({ scope, scopeParams: { userId, chatId } }: Scope): string | null {
  if (scope === 'messages') return null;
  return chatId === null ? userId : `${userId} ${chatId}`;
}
