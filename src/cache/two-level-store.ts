import type { Telemetry } from '../telemetry.js';
import type { CachedValue } from './cached-value.js';
import { Coherence, type CopyHolder } from './coherence.js';
import { sealEnvelope } from './envelope.js';
import { KeyFences } from './key-fences.js';
import type { Kept, KeyIndex, MemoryTier } from './memory-tier.js';
import { OwnCopies } from './own-copies.js';
import type { ReadTerms } from './reading.js';
import { RecentFailures } from './recent-failures.js';
import type { RedisTier } from './redis-tier.js';
import { type Look, StoredReader } from './stored-reader.js';
import type { StoredText } from './stored-text.js';
import type { TagState } from './tag-states.js';
import { TagVersions, tagVersionsOf } from './tag-versions.js';
import { uniqueId } from './unique-id.js';
import { WakeUps } from './wake-ups.js';

export interface TwoLevelStoreOptions {
  readonly memory: MemoryTier;
  readonly redis: RedisTier | null;
  readonly telemetry: Telemetry;
}

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
 * enters Redis, Redis decides by the lease. Memory is used while this process is told of all changes, and
 * while Redis is out of reach, which is when it has no other.
 */
export class TwoLevelStore implements CopyHolder {
  /** Broken by every change, made here or heard of. */
  readonly fences = new KeyFences();
  readonly wakeUps = new WakeUps();
  readonly failures: RecentFailures;
  readonly tags: TagVersions;
  readonly coherence: Coherence | null;
  #invalidations = 0;
  readonly #memory: MemoryTier;
  readonly #redis: RedisTier | null;
  readonly #reader: StoredReader | null;
  readonly #ownCopies: OwnCopies;
  /** Broken by the writes of this process only. */
  readonly #turns = new KeyFences();
  readonly #tagListeners: ((tag: string) => void)[] = [];
  #isClosed = false;

  constructor({ memory, redis, telemetry }: TwoLevelStoreOptions) {
    this.#memory = memory;
    this.#redis = redis;
    this.failures = new RecentFailures(() => memory.now);
    this.coherence = redis && new Coherence({ tier: redis, holder: this, telemetry });
    this.tags = new TagVersions(redis, () => this.coherence?.isListening ?? true);
    this.#reader = redis && new StoredReader({ redis, tags: this.tags, telemetry });
    this.#ownCopies = new OwnCopies({
      fences: this.fences,
      stampsOf: async (names) => (await redis?.stamps(names)) ?? null,
      keep: (name, kept) => {
        if (this.#keepsWhatRedisHas) memory.set(name, kept);
      },
    });
  }

  /** Changes of values and tags that other processes made, or Redis, and that this one was told of. */
  get invalidations(): number {
    return this.#invalidations;
  }

  /** Whether memory may answer at this moment. */
  get servesMemory(): boolean {
    return this.coherence === null || this.coherence.isListening || (this.#redis?.isDown ?? true);
  }

  inMemory(name: string, schema: number): Kept | undefined {
    const kept = this.servesMemory ? this.#memory.get(name) : undefined;
    return kept?.schema === schema ? kept : undefined;
  }

  /** As {@link inMemory}, without a name, for what it has found before. */
  inMemoryIndexed(index: KeyIndex, key: string, schema: number): Kept | undefined {
    const kept = this.servesMemory ? this.#memory.getIndexed(index, key) : undefined;
    return kept?.schema === schema ? kept : undefined;
  }

  inMemoryStale(name: string, schema: number): Kept | undefined {
    const kept = this.servesMemory ? this.#memory.getStale(name) : undefined;
    return kept?.schema === schema ? kept : undefined;
  }

  /** Looks into Redis for all names in one trip, and keeps what is fresh in memory. `null`: out of reach. */
  async look(names: readonly string[], terms: ReadTerms, schema: number): Promise<readonly Look[] | null> {
    if (this.#redis === null || this.#reader === null) return null;
    this.coherence?.start();
    const fences = names.map((name) => this.fences.enter(name));
    // The life that Redis reports began to run out before the reply arrived, so it is counted from here.
    const askedAt = this.#memory.now;
    const looks = await this.#reader.read(names, terms, schema);
    names.forEach((name, place) => {
      const fence = fences[place];
      const look = looks?.[place];
      if (fence === undefined) return;
      if (look?.kind === 'fresh' && !fence.isBroken && this.#keepsWhatRedisHas) {
        this.#memory.set(name, {
          ...look.found,
          freshUntil: askedAt + look.found.freshMs,
          staleUntil: askedAt + look.found.freshMs + look.found.staleMs,
        });
      }
      this.fences.leave(name, fence);
    });
    return looks;
  }

  /** Keeps values in this process alone, without asking whether that is right: it must be, by a fence. */
  keep(storables: readonly Storable[]): void {
    if (this.#isClosed) return;
    for (const storable of storables) this.#memory.set(storable.name, this.#keptFromNow(storable));
  }

  /** Whether a value that Redis knows nothing of may be kept here. */
  get keepsAlone(): boolean {
    return this.#redis === null || this.#redis.isDown;
  }

  /** Stores the values whose lease is still held, in both tiers. Whether each was. */
  async fill(token: string, storables: readonly Storable[]): Promise<readonly boolean[]> {
    if (this.#redis === null || this.#isClosed) return storables.map(() => false);
    // Not the fence of the load: what changed before Redis accepts the value is Redis's to judge.
    const fences = storables.map(({ name }) => this.fences.enter(name));
    const kept = storables.map((storable) => this.#keptFromNow(storable));
    const texts = storables.map(toText);
    this.#expectOwn(texts, kept);
    const stored = await this.#redis.fill(token, texts);
    this.#forgetOwn(texts.filter((_, place) => !stored[place]));
    storables.forEach(({ name }, place) => {
      const fence = fences[place];
      const entry = kept[place];
      if (fence === undefined || entry === undefined) return;
      if (stored[place] && !fence.isBroken && this.#keepsWhatRedisHas) this.#memory.set(name, entry);
      this.fences.leave(name, fence);
      this.wakeUps.wake(name);
    });
    return stored;
  }

  /** Replaces values in both tiers, once they are made. `false`: Redis did not confirm it. */
  async write(
    names: readonly string[],
    making: readonly Storable[] | Promise<readonly Storable[]>,
  ): Promise<boolean> {
    for (const name of names) this.#changedHere(name);
    return this.#inTurn(names, async (isOvertaken) => {
      const made = making instanceof Promise ? await making : making;
      const storables = made.filter(({ name }) => !isOvertaken(name));
      for (const { name } of storables) this.#changedHere(name);
      this.keep(storables);
      if (this.#redis === null) return true;
      const texts = storables.map(toText);
      this.#expectOwn(
        texts,
        storables.map((storable) => this.#keptFromNow(storable)),
      );
      const isConfirmed = await this.#redis.write(texts, isOvertaken);
      if (!isConfirmed) this.#forgetOwn(texts);
      return isConfirmed;
    });
  }

  /** Removes values from both tiers. `false`: Redis did not confirm it. */
  remove(names: readonly string[]): Promise<boolean> {
    for (const name of names) this.#changedHere(name);
    return this.#inTurn(names, (isOvertaken) => this.#redis?.remove(names, isOvertaken));
  }

  /** Removes a value and gives it; `null`: there was none, `undefined`: Redis did not confirm it. */
  async take(name: string, schema: number): Promise<CachedValue | null | undefined> {
    if (this.#redis === null || this.#reader === null) {
      const kept = this.inMemory(name, schema);
      this.#changedHere(name);
      return kept?.value ?? null;
    }
    this.coherence?.start();
    this.#changedHere(name);
    const turn = this.#turns.renew(name);
    const taken = await this.#redis.take(name);
    this.#turns.leave(name, turn);
    if (taken === undefined) return undefined;
    const look = await this.#reader.open(taken, schema);
    return look.kind === 'fresh' ? look.found.value : null;
  }

  /** Ends all values with any of these tags. `false`: Redis did not confirm it. */
  async invalidateTags(tags: readonly string[]): Promise<boolean> {
    this.coherence?.start();
    for (const tag of tags) this.#endTag(tag);
    return (await this.#redis?.invalidateTags(tags)) ?? true;
  }

  valueChanged(name: string): void {
    this.#invalidations += 1;
    this.#changedHere(name);
    this.#ownCopies.doubt(name);
  }

  tagChanged(name: string): void {
    this.#invalidations += 1;
    this.#endTag(name);
  }

  /** Has loads that began with the tag given up. */
  onTagEnd(listener: (tag: string) => void): void {
    this.#tagListeners.push(listener);
  }

  lostTrack(): void {
    this.#memory.clear();
    this.#ownCopies.forgetAll();
    this.tags.endAll();
    this.fences.breakAll();
    this.wakeUps.wakeAll();
  }

  close(): void {
    this.#isClosed = true;
    this.lostTrack();
    void this.coherence?.close();
  }

  get #keepsWhatRedisHas(): boolean {
    return !this.#isClosed && (this.coherence?.isListening ?? false);
  }

  /** Only where Redis tells of them: otherwise nothing would take what is expected away again. */
  #expectOwn(texts: readonly StoredText[], kept: readonly Kept[]): void {
    if (!this.#redis?.isTracked || !this.#keepsWhatRedisHas) return;
    texts.forEach(({ name, stamp }, place) => {
      const copy = kept[place];
      if (copy !== undefined) this.#ownCopies.expect(name, stamp, copy);
    });
  }

  #forgetOwn(texts: readonly StoredText[]): void {
    for (const { name, stamp } of texts) this.#ownCopies.forget(name, stamp);
  }

  #endTag(tag: string): void {
    this.tags.end(tag);
    for (const listener of this.#tagListeners) listener(tag);
  }

  #changedHere(name: string): void {
    this.#memory.delete(name);
    this.fences.break(name);
    this.failures.forget(name);
    this.wakeUps.wake(name);
  }

  #keptFromNow({ value, ttlMs, staleMs, loadMs, schema, tags }: Storable): Kept {
    const freshUntil = this.#memory.now + ttlMs;
    return { value, freshUntil, staleUntil: freshUntil + staleMs, loadMs, schema, tags };
  }

  async #inTurn(
    names: readonly string[],
    send: (isOvertaken: (name: string) => boolean) => Promise<boolean> | undefined,
  ): Promise<boolean> {
    this.coherence?.start();
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
