import type { CachedValue } from './cached-value.js';
import { sealEnvelope } from './envelope.js';
import { KeyFences } from './key-fences.js';
import { LocalCopies, type LocalCopiesOptions } from './local-copies.js';
import type { Kept } from './memory-tier.js';
import type { ReadTerms } from './reading.js';
import type { RedisTier } from './redis-tier.js';
import { type Look, StoredReader } from './stored-reader.js';
import type { StoredText } from './stored-text.js';
import type { TagState } from './tag-states.js';
import { tagVersionsOf } from './tag-versions.js';
import { uniqueId } from './unique-id.js';

/** A value ready to be stored in both tiers. */
export interface Storable {
  readonly name: string;
  readonly value: CachedValue;
  /** As it goes to Redis, compressed where that pays. */
  readonly payload: string;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly loadMs: number;
  readonly schema: number;
  readonly tags: readonly TagState[];
}

/**
 * Memory in front of Redis.
 *
 * Nothing enters memory once the key has changed after the work began, as far as this process was told; what
 * enters Redis, Redis decides by the lease.
 */
export class TwoLevelStore {
  readonly local: LocalCopies;
  readonly #redis: RedisTier | null;
  readonly #reader: StoredReader | null;
  /** Broken by the writes of this process only. */
  readonly #turns = new KeyFences();

  constructor(options: LocalCopiesOptions) {
    const { redis, telemetry } = options;
    this.local = new LocalCopies(options);
    this.#redis = redis;
    this.#reader = redis && new StoredReader({ redis, tags: this.local.tags, telemetry });
  }

  /** Looks into Redis for all names in one trip, and keeps what is fresh in memory. `null`: out of reach. */
  async look(names: readonly string[], terms: ReadTerms, schema: number): Promise<readonly Look[] | null> {
    if (this.#redis === null || this.#reader === null) return null;
    this.local.coherence?.start();
    const fences = names.map((name) => this.local.fences.enter(name));
    // The life that Redis reports began to run out before the reply arrived, so it is counted from here.
    const askedAt = this.local.now;
    const looks = await this.#reader.read(names, terms, schema);
    names.forEach((name, place) => {
      const fence = fences[place];
      const look = looks?.[place];
      if (fence === undefined) return;
      if (look?.kind === 'fresh' && !fence.isBroken) {
        const { value, freshMs, staleMs, loadMs, schema: ofValue, tags } = look.found;
        const freshUntil = askedAt + freshMs;
        const staleUntil = freshUntil + staleMs;
        this.local.keepAsInRedis(name, { value, freshUntil, staleUntil, loadMs, schema: ofValue, tags });
      }
      this.local.fences.leave(name, fence);
    });
    return looks;
  }

  /** Stores the values whose lease is still held, in both tiers. Whether each was. */
  async fill(token: string, storables: readonly Storable[]): Promise<readonly boolean[]> {
    if (this.#redis === null || this.local.isClosed) return storables.map(() => false);
    // Not the fence of the load: what changed before Redis accepts the value is Redis's to judge.
    const fences = storables.map(({ name }) => this.local.fences.enter(name));
    const kept = storables.map((storable) => this.#keptFromNow(storable));
    const texts = storables.map(toText);
    this.local.expectNewsOf(texts, kept);
    const stored = await this.#redis.fill(token, texts);
    this.local.expectNoNewsOf(texts.filter((_, place) => !stored[place]));
    storables.forEach(({ name }, place) => {
      const fence = fences[place];
      const entry = kept[place];
      if (fence === undefined || entry === undefined) return;
      if (stored[place] && !fence.isBroken) this.local.keepAsInRedis(name, entry);
      this.local.fences.leave(name, fence);
      this.local.wakeUps.wake(name);
    });
    return stored;
  }

  /** Replaces values in both tiers, once they are made. `false`: Redis did not confirm it. */
  async write(
    names: readonly string[],
    making: readonly Storable[] | Promise<readonly Storable[]>,
  ): Promise<boolean> {
    for (const name of names) this.local.end(name);
    return this.#inTurn(names, async (isOvertaken) => {
      const made = making instanceof Promise ? await making : making;
      const storables = made.filter(({ name }) => !isOvertaken(name));
      for (const { name } of storables) this.local.end(name);
      const kept = this.keep(storables);
      if (this.#redis === null) return true;
      const texts = storables.map(toText);
      this.local.expectNewsOf(texts, kept);
      const isConfirmed = await this.#redis.write(texts, isOvertaken);
      if (!isConfirmed) this.local.expectNoNewsOf(texts);
      return isConfirmed;
    });
  }

  /** Removes values from both tiers. `false`: Redis did not confirm it. */
  remove(names: readonly string[]): Promise<boolean> {
    for (const name of names) this.local.end(name);
    return this.#inTurn(names, (isOvertaken) => this.#redis?.remove(names, isOvertaken));
  }

  /** Removes a value and gives it; `null`: there was none, `undefined`: Redis did not confirm it. */
  async take(name: string, schema: number): Promise<CachedValue | null | undefined> {
    if (this.#redis === null || this.#reader === null) {
      const kept = this.local.find(name, schema);
      this.local.end(name);
      return kept?.value ?? null;
    }
    this.local.coherence?.start();
    this.local.end(name);
    const turn = this.#turns.renew(name);
    const taken = await this.#redis.take(name);
    this.#turns.leave(name, turn);
    if (taken === undefined) return undefined;
    const look = await this.#reader.open(taken, schema);
    return look.kind === 'fresh' ? look.found.value : null;
  }

  /** Ends all values with any of these tags. `false`: Redis did not confirm it. */
  async invalidateTags(tags: readonly string[]): Promise<boolean> {
    this.local.coherence?.start();
    for (const tag of tags) this.local.endTag(tag);
    return (await this.#redis?.invalidateTags(tags)) ?? true;
  }

  /** Keeps values in this process alone, without asking whether that is right: it must be, by a fence. */
  keep(storables: readonly Storable[]): readonly Kept[] {
    const kept = storables.map((storable) => this.#keptFromNow(storable));
    storables.forEach(({ name }, place) => {
      const entry = kept[place];
      if (entry !== undefined) this.local.keep(name, entry);
    });
    return kept;
  }

  #keptFromNow({ value, ttlMs, staleMs, loadMs, schema, tags }: Storable): Kept {
    const freshUntil = this.local.now + ttlMs;
    return { value, freshUntil, staleUntil: freshUntil + staleMs, loadMs, schema, tags };
  }

  async #inTurn(
    names: readonly string[],
    send: (isOvertaken: (name: string) => boolean) => Promise<boolean> | undefined,
  ): Promise<boolean> {
    this.local.coherence?.start();
    const turns = new Map(names.map((name) => [name, this.#turns.renew(name)]));
    const isConfirmed = (await send((name) => turns.get(name)?.isBroken ?? false)) ?? true;
    for (const [name, turn] of turns) this.#turns.leave(name, turn);
    return isConfirmed;
  }
}

function toText({ name, payload, ttlMs, staleMs, loadMs, schema, tags }: Storable): StoredText {
  const stamp = uniqueId();
  const text = sealEnvelope({
    stamp,
    staleMs,
    loadMs,
    schema,
    tags: tagVersionsOf(tags),
    payload,
  });
  return { name, stamp, text, ttlMs: ttlMs + staleMs };
}
