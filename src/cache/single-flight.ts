import type { Fence, KeyFences } from './key-fences.js';
import type { TagState } from './tag-states.js';

/** Work on one key, as those see it who may join it. */
export interface Flight<T> {
  readonly landing: Promise<T>;
  readonly fence: Fence;
  /** The tags of what is being loaded, once they are known. */
  tags: readonly TagState[];
}

/**
 * One piece of work a key at a time, shared by all who ask while it is under way. A change of the key, or
 * the end of one of its tags, ends the sharing: who asks after it starts anew, beside the work that began before.
 */
export class SingleFlight<T> {
  readonly #fences: KeyFences;
  readonly #flights = new Map<string, Flight<T>>();

  constructor(fences: KeyFences) {
    this.#fences = fences;
  }

  /** Joins the key's work or starts it. */
  join(
    key: string,
    work: (flight: Pick<Flight<T>, 'tags'>) => Promise<T>,
  ): { landing: Promise<T>; isShared: boolean } {
    const running = this.#flights.get(key);
    if (running !== undefined && isJoinable(running)) return { landing: running.landing, isShared: true };

    const fence = this.#fences.enter(key);
    const started = { tags: [] as readonly TagState[] };
    const end = () => {
      this.#fences.leave(key, fence);
      // Only its own entry: after a change a newer flight may have taken the place.
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    // Not `finally`, which makes two promises more; this is in each read that memory does not answer.
    const landing = work(started).then(
      (value) => {
        end();
        return value;
      },
      (thrown) => {
        end();
        throw thrown;
      },
    );
    const flight: Flight<T> = Object.assign(started, { landing, fence });
    this.#flights.set(key, flight);
    return { landing, isShared: false };
  }
}

function isJoinable({ fence, tags }: Flight<unknown>): boolean {
  return !fence.isBroken && tags.every((tag) => tag.isCurrent);
}
