import type { Telemetry } from '../telemetry.js';
import { Coherence, type CopyHolder } from './coherence.js';
import { KeyFences } from './key-fences.js';
import type { Kept, KeyIndex, MemoryTier } from './memory-tier.js';
import { OwnCopies } from './own-copies.js';
import { RecentFailures } from './recent-failures.js';
import type { RedisTier } from './redis-tier.js';
import type { StoredText } from './stored-text.js';
import { TagVersions } from './tag-versions.js';
import { WakeUps } from './wake-ups.js';

export interface LocalCopiesOptions {
  readonly memory: MemoryTier;
  readonly redis: RedisTier | null;
  readonly telemetry: Telemetry;
}

/**
 * What this process has of the cache, and what it does about a change that it made or was told of.
 *
 * Memory is used while this process is told of all changes, and while Redis is out of reach, which is when
 * it has no other.
 */
export class LocalCopies implements CopyHolder {
  /** Broken by every change, made here or heard of. */
  readonly fences = new KeyFences();
  readonly wakeUps = new WakeUps();
  readonly failures: RecentFailures;
  readonly tags: TagVersions;
  readonly coherence: Coherence | null;
  #invalidations = 0;
  readonly #memory: MemoryTier;
  readonly #redis: RedisTier | null;
  readonly #own: OwnCopies;
  readonly #tagListeners: ((tag: string) => void)[] = [];
  #isClosed = false;

  constructor({ memory, redis, telemetry }: LocalCopiesOptions) {
    this.#memory = memory;
    this.#redis = redis;
    this.failures = new RecentFailures(() => memory.now);
    this.coherence = redis && new Coherence({ tier: redis, holder: this, telemetry });
    this.tags = new TagVersions(redis, () => this.coherence?.isListening ?? true);
    this.#own = new OwnCopies({
      fences: this.fences,
      stampsOf: async (names) => (await redis?.stamps(names)) ?? null,
      keep: (name, kept) => this.keepAsInRedis(name, kept),
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Changes of values and tags that other processes made, or Redis, and that this one was told of. */
  get invalidations(): number {
    return this.#invalidations;
  }

  get now(): number {
    return this.#memory.now;
  }

  /** Whether memory may answer at this moment. */
  get #servesMemory(): boolean {
    return this.coherence === null || this.coherence.isListening || (this.#redis?.isDown ?? true);
  }

  /** Whether a value that Redis knows nothing of may be kept here. */
  get keepsAlone(): boolean {
    return this.#redis === null || this.#redis.isDown;
  }

  get #keepsWhatRedisHas(): boolean {
    return !this.#isClosed && (this.coherence?.isListening ?? false);
  }

  find(name: string, schema: number): Kept | undefined {
    const kept = this.#servesMemory ? this.#memory.get(name) : undefined;
    return kept?.schema === schema ? kept : undefined;
  }

  /** As {@link find}, without a name, for what it has found before. */
  findIndexed(index: KeyIndex, key: string, schema: number): Kept | undefined {
    const kept = this.#servesMemory ? this.#memory.getIndexed(index, key) : undefined;
    return kept?.schema === schema ? kept : undefined;
  }

  /** As {@link find}, stale or not. */
  findStale(name: string, schema: number): Kept | undefined {
    const kept = this.#servesMemory ? this.#memory.getStale(name) : undefined;
    return kept?.schema === schema ? kept : undefined;
  }

  /** Keeps a value without asking whether that is right: it must be, by a fence. */
  keep(name: string, kept: Kept): void {
    if (!this.#isClosed) this.#memory.set(name, kept);
  }

  /** As {@link keep}, of what Redis has too, and if it tells of its changes. */
  keepAsInRedis(name: string, kept: Kept): void {
    if (this.#keepsWhatRedisHas) this.#memory.set(name, kept);
  }

  /** To be called before a write is sent, so that its copies outlive the news of it. */
  expectNewsOf(texts: readonly StoredText[], kept: readonly Kept[]): void {
    // Only where Redis tells of them: otherwise nothing would take what is expected away again.
    if (!this.#redis?.isTracked || !this.#keepsWhatRedisHas) return;
    texts.forEach(({ name, stamp }, place) => {
      const copy = kept[place];
      if (copy !== undefined && this.#memory.fits(name, copy)) this.#own.expect(name, stamp, copy);
    });
  }

  /** Of writes that did not take place, or nobody knows. */
  expectNoNewsOf(texts: readonly StoredText[]): void {
    for (const { name, stamp } of texts) this.#own.forget(name, stamp);
  }

  /** A change made here: ends the copy, and whatever is on its way to become one. */
  end(name: string): void {
    this.#memory.delete(name);
    this.fences.break(name);
    this.failures.forget(name);
    this.wakeUps.wake(name);
  }

  endTag(tag: string): void {
    this.tags.end(tag);
    for (const listener of this.#tagListeners) listener(tag);
  }

  /** Has loads that began with the tag given up. */
  onTagEnd(listener: (tag: string) => void): void {
    this.#tagListeners.push(listener);
  }

  valueChanged(name: string): void {
    this.#invalidations += 1;
    this.end(name);
    this.#own.doubt(name);
  }

  tagChanged(name: string): void {
    this.#invalidations += 1;
    this.endTag(name);
  }

  lostTrack(): void {
    this.#memory.clear();
    this.#own.forgetAll();
    this.tags.endAll();
    this.fences.breakAll();
    this.wakeUps.wakeAll();
  }

  close(): void {
    this.#isClosed = true;
    this.lostTrack();
    void this.coherence?.close();
  }
}
