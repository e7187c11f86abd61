import type { Asked } from './asking.js';
import type { CachedValue } from './cached-value.js';
import { Lease } from './lease.js';
import { LoadLimit } from './load-limit.js';
import type { Landing, Loading, LoadRequest } from './loading.js';
import type { RedisTier } from './redis-tier.js';
import type { TagState } from './tag-states.js';
import type { TwoLevelStore } from './two-level-store.js';

export interface GrantedLoadsOptions {
  readonly store: TwoLevelStore;
  readonly redis: RedisTier | null;
  readonly loading: Loading;
  /** Loads at a time that no lease keeps other processes from. */
  readonly maxUnsharedLoads: number;
}

/** A load of this process that has a lease. */
interface HeldLoad {
  readonly lease: Lease;
  readonly landing: Promise<Landings>;
  readonly tags: readonly TagState[];
}

export type Landings = ReadonlyMap<string, Landing>;

/** The three ways in which a load may be stored: by lease, in this process alone, and not at all. */
export class GrantedLoads {
  readonly #store: TwoLevelStore;
  readonly #redis: RedisTier | null;
  readonly #loading: Loading;
  readonly #unshared: LoadLimit;
  readonly #held = new Map<string, HeldLoad>();

  constructor({ store, redis, loading, maxUnsharedLoads }: GrantedLoadsOptions) {
    this.#store = store;
    this.#redis = redis;
    this.#loading = loading;
    this.#unshared = new LoadLimit(redis === null ? Infinity : maxUnsharedLoads);
    store.local.onTagEnd((tag) => this.#revoke(tag));
  }

  /** The load of this process that has the lease of a key. While Redis names it, no change has come since it began. */
  held(name: string, token: string): Promise<Landings> | undefined {
    const held = this.#held.get(name);
    return held?.lease.token === token ? held.landing : undefined;
  }

  /** Loads what the lease was granted for, and stores it in both tiers unless the lease was taken away. */
  leased(request: LoadRequest, { token, tags }: Asked, previous: CachedValue | null): Promise<Landings> {
    if (this.#redis === null) return this.unstored(request);
    const lease = new Lease(this.#redis, token, request.names);
    const landing = this.#loading.run(request, { lease, tags, mayKeep: null, previous }).finally(() => {
      for (const name of request.names) if (this.#held.get(name) === held) this.#held.delete(name);
    });
    const held: HeldLoad = { lease, landing, tags };
    for (const name of request.names) this.#held.set(name, held);
    return landing;
  }

  /** Loads without Redis, and keeps in memory what was not changed meanwhile; `begun` gets the tags. */
  alone(
    request: LoadRequest,
    previous: CachedValue | null,
    begun: (tags: readonly TagState[]) => void = () => undefined,
  ): Promise<Landings> {
    return this.#unshared.run(async () => {
      // Only now, before the loader: what changes while it stands in line does not matter.
      const fences = request.names.map((name) => [name, this.#store.local.fences.enter(name)] as const);
      const standing = new Map(fences);
      const tags = this.#store.local.tags.local(request.policy.tags);
      begun(tags);
      const mayKeep = (name: string) =>
        standing.get(name)?.isBroken === false &&
        tags.every((tag) => tag.isCurrent) &&
        this.#store.local.keepsAlone;
      const landings = await this.#loading.run(request, { lease: null, tags, mayKeep, previous });
      for (const [name, fence] of fences) this.#store.local.fences.leave(name, fence);
      return landings;
    });
  }

  /** Loads for those who wait and stores nothing. */
  unstored(request: LoadRequest): Promise<Landings> {
    return this.#unshared.run(() =>
      this.#loading.run(request, { lease: null, tags: [], mayKeep: null, previous: null }),
    );
  }

  // What is being loaded with the tag is outdated when it comes, so nobody should wait for it.
  #revoke(tag: string): void {
    for (const [name, held] of this.#held) {
      if (!held.tags.some((state) => state.tag === tag)) continue;
      this.#held.delete(name);
      void held.lease.release([name]).then(() => this.#store.local.wakeUps.wake(name));
    }
  }
}
