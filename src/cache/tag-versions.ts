import { fromText, toText } from './cache-key.js';
import type { TagVersion } from './envelope.js';
import { KeyFences } from './key-fences.js';
import type { RedisTier } from './redis-tier.js';
import { type TagState, TagStates, untrackedState } from './tag-states.js';

const DAY_MS = 24 * 3600 * 1000;

/**
 * What version each tag has, so that a value is known to be older than an invalidation.
 *
 * A value and its tags may be read in any order and from different servers: both reads begin after the
 * caller asked, so an invalidation that had ended by then is in what the tags' server says, and the versions
 * stored with the value, which were read before its load began, cannot be those.
 */
export class TagVersions {
  readonly #redis: RedisTier | null;
  readonly #isListening: () => boolean;
  readonly #states = new TagStates();
  readonly #fences = new KeyFences();

  /** Versions are remembered only while `isListening`: while this process is told of their ends. */
  constructor(redis: RedisTier | null, isListening: () => boolean) {
    this.#redis = redis;
    this.#isListening = isListening;
  }

  /** For what only this process keeps; needs no Redis. */
  local(tags: readonly string[]): readonly TagState[] {
    return tags.map((tag) => this.#states.find(tag) ?? this.#states.begin(tag, ''));
  }

  /** For what is to be stored with these tags for `lifeMs`; `null`: Redis did not say. */
  async current(tags: readonly string[], lifeMs: number): Promise<readonly TagState[] | null> {
    if (tags.length === 0) return [];
    return this.#known(tags) ?? (await this.#fetch(tags, lifeMs));
  }

  /** The states of a stored value's tags, unless one was invalidated since; `null`: Redis did not say. */
  async check(stored: readonly TagVersion[]): Promise<readonly TagState[] | 'outdated' | null> {
    if (stored.length === 0) return [];
    const tags = stored.map(([tag]) => fromText(tag));
    const fits = (states: readonly TagState[]) =>
      states.every((state, index) => state.version === stored[index]?.[1]);
    const known = this.#known(tags);
    if (known !== null && fits(known)) return known;
    // What is known here may be the older of the two: a tag that was evicted got a new version since.
    const fetched = await this.#fetch(tags, DAY_MS);
    if (fetched === null) return null;
    return fits(fetched) ? fetched : 'outdated';
  }

  /** What was stored with the tag is outdated from now on, also what is about to be stored. */
  end(tag: string): void {
    this.#fences.break(tag);
    this.#states.end(tag);
  }

  endAll(): void {
    this.#fences.breakAll();
    this.#states.endAll();
  }

  #known(tags: readonly string[]): readonly TagState[] | null {
    if (!this.#isListening()) return null;
    const states: TagState[] = [];
    for (const tag of tags) {
      const state = this.#states.find(tag);
      if (state === undefined || state.version === '') return null;
      states.push(state);
    }
    return states;
  }

  async #fetch(tags: readonly string[], lifeMs: number): Promise<readonly TagState[] | null> {
    const fences = tags.map((tag) => this.#fences.enter(tag));
    const versions = (await this.#redis?.tagVersions(tags, lifeMs)) ?? null;
    const states = tags.map((tag, index) => {
      const fence = fences[index];
      const version = versions?.[index] ?? '';
      const isTracked = fence?.isBroken === false && this.#isListening();
      if (fence !== undefined) this.#fences.leave(tag, fence);
      if (!isTracked || version === '') return untrackedState(tag, version);
      const known = this.#states.find(tag);
      return known?.version === version ? known : this.#states.begin(tag, version);
    });
    return versions === null ? null : states;
  }
}

/** As they are stored with a value. */
export function tagVersionsOf(states: readonly TagState[]): TagVersion[] {
  return states.map(({ tag, version }) => [toText(tag), version]);
}
