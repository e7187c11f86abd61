import type { Telemetry } from '../telemetry.js';
import { decode } from './codec.js';
import { type Fence, KeyFences } from './key-fences.js';
import type { MemoryTier } from './memory-tier.js';
import type { RedisTier } from './redis-tier.js';

export interface TwoLevelStoreOptions {
  readonly memory: MemoryTier;
  readonly redis: RedisTier | null;
  readonly clock: () => number;
  readonly telemetry: Telemetry;
}

/** A value of the caller's own, decoded for this call. */
export interface Found {
  readonly value: unknown;
  readonly payload: string;
}

/**
 * Memory in front of Redis, for encoded values.
 *
 * Nothing enters memory, and no fill enters Redis, once the key was written here after the work began: a
 * reply that left Redis before a `delete`, or a load that read the database before it, is not stored.
 * That holds within this process. A load in another process can still store what it read before this
 * process's delete; only Redis can fence that, with a lease taken before the load and checked at the fill.
 */
export class TwoLevelStore {
  readonly fences = new KeyFences();
  readonly #memory: MemoryTier;
  readonly #redis: RedisTier | null;
  readonly #clock: () => number;
  readonly #telemetry: Telemetry;
  #isClosed = false;

  constructor({ memory, redis, clock, telemetry }: TwoLevelStoreOptions) {
    this.#memory = memory;
    this.#redis = redis;
    this.#clock = clock;
    this.#telemetry = telemetry;
  }

  inMemory(key: string): Found | undefined {
    const payload = this.#memory.get(key);
    return payload === undefined ? undefined : this.#decoded(key, payload);
  }

  /** Reads keys from Redis in one trip, and keeps what it finds in memory for no longer than Redis will. */
  async inRedis(keys: readonly string[]): Promise<ReadonlyMap<string, Found>> {
    const found = new Map<string, Found>();
    if (this.#redis === null) return found;
    const fences = keys.map((key) => [key, this.fences.enter(key)] as const);
    // The life that Redis reports began to run out before the reply arrived, so it is counted from here.
    const askedAt = this.#clock();
    const entries = await this.#redis.read(keys);
    for (const [key, fence] of fences) {
      const entry = entries.get(key);
      const value = entry === undefined ? undefined : this.#decoded(key, entry.payload);
      if (entry !== undefined && value !== undefined) {
        found.set(key, value);
        if (!fence.isBroken && !this.#isClosed)
          this.#memory.set(key, entry.payload, askedAt + entry.remainingMs);
      }
      this.fences.leave(key, fence);
    }
    return found;
  }

  /** Stores a loaded value, unless the fence that was entered before the load is broken. */
  async fill(key: string, fence: Fence, payload: string, ttlMs: number): Promise<boolean> {
    if (fence.isBroken || this.#isClosed) return false;
    this.#memory.set(key, payload, this.#clock() + ttlMs);
    await this.#redis?.fill(key, payload, ttlMs, () => fence.isBroken);
    return true;
  }

  /** Replaces the key's value in both tiers. `false`: Redis did not confirm it. */
  write(key: string, payload: string, ttlMs: number): Promise<boolean> {
    return this.#change(key, (isOvertaken) => {
      this.#memory.set(key, payload, this.#clock() + ttlMs);
      return this.#redis?.write(key, payload, ttlMs, isOvertaken);
    });
  }

  /** Removes the key from both tiers. `false`: Redis did not confirm it. */
  remove(key: string): Promise<boolean> {
    return this.#change(key, (isOvertaken) => {
      this.#memory.delete(key);
      return this.#redis?.remove(key, isOvertaken);
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#memory.clear();
  }

  async #change(
    key: string,
    apply: (isOvertaken: () => boolean) => Promise<boolean> | undefined,
  ): Promise<boolean> {
    const fence = this.fences.renew(key);
    const isConfirmed = (await apply(() => fence.isBroken)) ?? true;
    this.fences.leave(key, fence);
    return isConfirmed;
  }

  #decoded(key: string, payload: string): Found | undefined {
    const decoding = decode(payload);
    if (decoding.kind === 'decoded') return { value: decoding.value, payload };
    // Another format is a newer or older release's, which can still read it.
    if (decoding.kind === 'corrupt') {
      this.#telemetry.event({ type: 'cache.corrupt-entry' });
      this.#memory.delete(key);
      // Not `remove`, which would also refuse what a load under way is about to put in its place.
      void this.#redis?.discard(key);
    }
    return undefined;
  }
}
