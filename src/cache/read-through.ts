import { err, ok } from 'neverthrow';
import { type Asked, ask, waitForChange } from './asking.js';
import { earlyRefreshMs } from './cache-policy.js';
import type { CachedValue } from './cached-value.js';
import { failedElsewhere, isFailureNote } from './failure-note.js';
import type { GrantedLoads } from './granted-loads.js';
import type { Landed, Landing, LoadRequest } from './loading.js';
import type { RedisTier } from './redis-tier.js';
import { type Flight, SingleFlight } from './single-flight.js';
import type { Found, Look } from './stored-reader.js';
import type { TwoLevelStore } from './two-level-store.js';

export interface ReadThroughOptions {
  readonly store: TwoLevelStore;
  readonly redis: RedisTier | null;
  readonly loads: GrantedLoads;
}

/** A {@link LoadRequest} for one key. */
export interface KeyRequest extends LoadRequest {
  readonly names: readonly [string];
}

type FlightTags = Pick<Flight<Landing>, 'tags'>;

/**
 * Gives values from Redis or the loader, so that a key is loaded by one process at a time and nothing is
 * stored whose load began before a change of the key.
 *
 * Who misses asks Redis for the lease. With it, it loads and stores; without, it serves a stale value, or waits
 * for the one who has it. A change takes the lease away, and with it the right to store.
 */
export class ReadThrough {
  readonly flights: SingleFlight<Landing>;
  readonly #store: TwoLevelStore;
  readonly #redis: RedisTier | null;
  readonly #loads: GrantedLoads;
  readonly #refreshes = new Map<string, Promise<Landing>>();

  constructor({ store, redis, loads }: ReadThroughOptions) {
    this.#store = store;
    this.#redis = redis;
    this.#loads = loads;
    this.flights = new SingleFlight(store.local.fences);
  }

  /** Reads one key, together with all who ask for it at this moment. */
  read(request: KeyRequest): { landing: Promise<Landing>; isShared: boolean } {
    return this.flights.join(request.names[0], (flight) => this.#fetch(request, flight));
  }

  /** After a hit: loads the next value in the background, if it is time for that. */
  refreshEarly(request: KeyRequest, { freshMs, loadMs }: Pick<Found, 'freshMs' | 'loadMs'>): void {
    const earlyMs = earlyRefreshMs(loadMs, request.policy.earlyRefresh);
    if (freshMs < earlyMs) void this.#refreshOnce(request, () => this.#refreshBefore(request, earlyMs));
  }

  #fetch(request: KeyRequest, flight: FlightTags): Promise<Landing> {
    const [name] = request.names;
    // Memory is told of every change, so what it has is as good as what Redis would serve meanwhile.
    const stale = this.#store.local.findStale(name, request.schema);
    if (stale === undefined) return this.#fetchAnew(request, flight, null);
    const hasFailed = this.#store.local.failures.find(name) !== undefined;
    const refreshing = hasFailed
      ? null
      : this.#refreshOnce(request, () => this.#refreshBehind(request, stale.value));
    return Promise.resolve(landed(stale, 'stale', refreshing));
  }

  /** The value after a stale one: what Redis has by now, or what is loaded by whoever gets the lease. */
  async #refreshBehind(request: KeyRequest, stale: CachedValue): Promise<Landing> {
    const landing = await this.#fetchAnew(request, { tags: [] }, stale);
    return landing.isOk() ? (landing.value?.refreshing ?? landing) : landing;
  }

  /** From Redis, or from the loader; `previous` is for a loader that is called without Redis. */
  async #fetchAnew(request: KeyRequest, flight: FlightTags, previous: CachedValue | null): Promise<Landing> {
    const { operation, policy, names } = request;
    const [name] = names;
    const giveUpAt = performance.now() + policy.waitMs;
    for (let turn = 0; ; turn += 1) {
      const watch = this.#store.local.fences.enter(name);
      const asked = await ask(this.#store, this.#redis, request);
      const hasChanged = watch.isBroken;
      this.#store.local.fences.leave(name, watch);
      const look = asked?.looks[0];
      if (asked === null || look === undefined) return this.#fetchAlone(request, flight, previous);
      flight.tags = asked.tags;
      if (look.kind === 'fresh') {
        if (policy.earlyRefresh > 0) this.refreshEarly(request, look.found);
        return landed(look.found, 'redis');
      }
      if (look.kind === 'stale') return landed(look.found, 'stale', this.#refreshing(request, asked, look));
      if (look.kind === 'unknown') return one(name, this.#loads.unstored(request));

      const { lease } = look;
      if (lease === asked.token) return one(name, this.#loads.leased(request, asked, null));
      if (isFailureNote(lease))
        return this.#store.local.failures.find(name) ?? err(failedElsewhere(operation, lease));
      const own = this.#loads.held(name, lease);
      if (own !== undefined) return one(name, own);
      if (lease === '' || performance.now() >= giveUpAt) return one(name, this.#loads.unstored(request));
      // What changed while the answer was on its way may be what it waits for.
      if (!hasChanged) await waitForChange(this.#store, name, turn);
    }
  }

  async #fetchAlone(request: KeyRequest, flight: FlightTags, previous: CachedValue | null): Promise<Landing> {
    const [name] = request.names;
    const begun = (tags: FlightTags['tags']) => {
      flight.tags = tags;
    };
    return this.#store.local.failures.find(name) ?? one(name, this.#loads.alone(request, previous, begun));
  }

  #refreshing(request: KeyRequest, asked: Asked, look: Look & { kind: 'stale' }): Promise<Landing> | null {
    const [name] = request.names;
    if (look.lease === asked.token) return one(name, this.#loads.leased(request, asked, look.found.value));
    const own = this.#loads.held(name, look.lease);
    return own === undefined ? null : one(name, own);
  }

  async #refreshBefore(request: KeyRequest, earlyMs: number): Promise<Landing> {
    const asked = await ask(this.#store, this.#redis, request, earlyMs);
    const look = asked?.looks[0];
    if (asked === null) return one(request.names[0], this.#loads.alone(request, null));
    if (look === undefined || !('lease' in look) || look.lease !== asked.token) return ok(null);
    const previous = look.kind === 'stale' ? look.found.value : null;
    return one(request.names[0], this.#loads.leased(request, asked, previous));
  }

  // In one process one refresh of a key at a time, with or without Redis.
  #refreshOnce({ names: [name] }: KeyRequest, refresh: () => Promise<Landing>): Promise<Landing> {
    const running = this.#refreshes.get(name);
    if (running !== undefined) return running;
    const landing = refresh().finally(() => this.#refreshes.delete(name));
    this.#refreshes.set(name, landing);
    return landing;
  }
}

export function landed(
  { value }: Pick<Found, 'value'>,
  source: Landed['source'],
  refreshing: Promise<Landing> | null = null,
): Landing {
  return ok({ value, source, refreshing });
}

async function one(name: string, landings: Promise<ReadonlyMap<string, Landing>>): Promise<Landing> {
  return (await landings).get(name) ?? ok(null);
}
