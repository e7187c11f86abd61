import { deleteAll, type RedisClient } from '../redis/redis-client.js';
import type { RedisLink } from '../redis/redis-link.js';
import { redisKey } from './cache-key.js';
import { flushCache } from './redis-flush.js';
import { type RedisEntry, readEntries } from './redis-read.js';
import { type FailedWrite, UnconfirmedWrites } from './unconfirmed-writes.js';

export interface RedisTierOptions {
  /** Put before every key. */
  readonly keyPrefix: string;
  /** Failed writes that are remembered one by one; see {@link UnconfirmedWrites}. */
  readonly maxFailedWrites?: number;
}

const MAX_FAILED_WRITES = 10_000;
const REPAIR_BATCH = 500;

/** The part of the cache that processes share. */
export function createRedisTier(link: RedisLink, options: RedisTierOptions): RedisTier {
  return new RedisTier(link, options);
}

/**
 * Reads and writes payloads in Redis. Nothing here throws or takes longer than the command's deadline.
 *
 * It never gives a value that a write of this process was to replace or delete, even when Redis did not
 * get that write: such a key is a miss until its deletion was confirmed, and after an outage all of them
 * are deleted before anything is read. (Other processes can read the old value until then, as can a new
 * process after this one died: the caller of the failed write was told.)
 */
export class RedisTier {
  readonly #keyPrefix: string;
  readonly #link: RedisLink;
  readonly #unconfirmed: UnconfirmedWrites;

  constructor(link: RedisLink, { keyPrefix, maxFailedWrites = MAX_FAILED_WRITES }: RedisTierOptions) {
    this.#keyPrefix = keyPrefix;
    this.#unconfirmed = new UnconfirmedWrites(maxFailedWrites);
    this.#link = link;
    link.addRepair(() => this.#repair());
  }

  get isDown(): boolean {
    return this.#link.isDown;
  }

  get failures(): number {
    return this.#link.failures;
  }

  /** What Redis has of these keys, in one trip; what cannot be read or trusted is left out. */
  async read(keys: readonly string[]): Promise<ReadonlyMap<string, RedisEntry>> {
    const found = new Map<string, RedisEntry>();
    const trusted = keys.filter((key) => !this.#unconfirmed.has(key));
    if (trusted.length === 0) return found;
    const reply = await this.#link.run((client) => readEntries(client, trusted.map(this.#nameOf)));
    if (reply.kind !== 'answer') return found;
    trusted.forEach((key, index) => {
      const entry = reply.value[index];
      if (entry !== undefined) found.set(key, entry);
    });
    return found;
  }

  /** Stores a payload, unless it was overtaken before it could be sent. Whether Redis has it. */
  async fill(key: string, payload: string, ttlMs: number, isOvertaken: () => boolean): Promise<boolean> {
    if (this.#unconfirmed.has(key)) return false;
    const reply = await this.#link.run(async (client) => {
      if (isOvertaken()) return false;
      await client.set(this.#nameOf(key), payload, 'PX', ttlMs);
      return true;
    });
    return reply.kind === 'answer' && reply.value;
  }

  /** Stores a payload in place of any other. `true`: it was confirmed, or overtaken by a later write. */
  write(key: string, payload: string, ttlMs: number, isOvertaken: () => boolean): Promise<boolean> {
    return this.#change(key, isOvertaken, (client) => client.set(this.#nameOf(key), payload, 'PX', ttlMs));
  }

  /** Deletes a key. `true`: it was confirmed, or overtaken by a later write. */
  remove(key: string, isOvertaken: () => boolean): Promise<boolean> {
    return this.#change(key, isOvertaken, (client) => client.del(this.#nameOf(key)));
  }

  /** Deletes a key that is of no use, if that can be done now. */
  async discard(key: string): Promise<void> {
    await this.#link.run((client) => client.del(this.#nameOf(key)));
  }

  // Two writes that wait for the same connection could be sent in either order. The later one decides what
  // the key holds and whether it can be trusted, so the earlier one need not be sent at all.
  async #change(
    key: string,
    isOvertaken: () => boolean,
    send: (client: RedisClient) => Promise<unknown>,
  ): Promise<boolean> {
    this.#unconfirmed.begin(key);
    const reply = await this.#link.run(async (client) => {
      if (!isOvertaken()) await send(client);
    });
    const isConfirmed = reply.kind === 'answer';
    this.#unconfirmed.end(key, isConfirmed);
    if (!isConfirmed) this.#link.requestRepair();
    return isConfirmed;
  }

  // Writes that fail during a repair are left to the next: under load there may be no moment without one.
  async #repair(): Promise<boolean> {
    const until = this.#unconfirmed.latestFailure;
    if (this.#unconfirmed.isOverflowing && !(await this.#flush())) return false;
    for (;;) {
      const batch = this.#unconfirmed.failedUntil(until, REPAIR_BATCH);
      if (batch.length === 0) break;
      if (!(await this.#deleteFailed(batch))) return false;
    }
    if (this.#unconfirmed.needsRepair) this.#link.requestRepair();
    return true;
  }

  async #flush(): Promise<boolean> {
    const flushed = this.#unconfirmed.beginFlush();
    const isDone = await flushCache(this.#link, this.#keyPrefix);
    if (isDone) flushed();
    return isDone;
  }

  async #deleteFailed(batch: readonly FailedWrite[]): Promise<boolean> {
    const names = batch.map(([key]) => this.#nameOf(key));
    const reply = await this.#link.attempt((client) => deleteAll(client, names));
    if (reply.kind !== 'answer') return false;
    this.#unconfirmed.repaired(batch);
    return true;
  }

  readonly #nameOf = (key: string): string => redisKey(this.#keyPrefix, key);
}
