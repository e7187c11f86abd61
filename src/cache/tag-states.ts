import { LRUCache } from 'lru-cache';

/** A tag between two of its invalidations, as far as this process knows. */
export interface TagState {
  readonly tag: string;
  readonly version: string;
  /** Once it is not, what was stored with this state is outdated, or nobody can tell. */
  readonly isCurrent: boolean;
}

const MAX_TAGS = 50_000;

/**
 * The tags whose version this process knows. Values in memory hold on to the states they were stored with, so
 * that a hit looks at a flag and at nothing else. A state that leaves, for whatever reason, ends.
 */
export class TagStates {
  readonly #current: LRUCache<string, { tag: string; version: string; isCurrent: boolean }>;

  constructor(maxTags = MAX_TAGS) {
    this.#current = new LRUCache({
      max: maxTags,
      dispose: (state) => {
        state.isCurrent = false;
      },
    });
  }

  find(tag: string): TagState | undefined {
    return this.#current.get(tag);
  }

  begin(tag: string, version: string): TagState {
    const state = { tag, version, isCurrent: true };
    this.#current.set(tag, state);
    return state;
  }

  end(tag: string): void {
    this.#current.delete(tag);
  }

  endAll(): void {
    this.#current.clear();
  }
}

/** A version that holds for what is stored elsewhere, but that this process will not be told the end of. */
export function untrackedState(tag: string, version: string): TagState {
  return { tag, version, isCurrent: false };
}
