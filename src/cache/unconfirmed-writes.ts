/** A key whose write failed, and which of its failures this is. */
export type FailedWrite = readonly [key: string, failure: number];

/**
 * The keys whose value in Redis may be older than what this process was told: a write is under way, or
 * Redis did not confirm it. They must not be read from Redis until their deletion was confirmed.
 *
 * At most `maxFailed` failed keys are remembered. One more, and no key is trusted until the whole cache in
 * Redis was flushed: forgetting a key would serve an outdated value, remembering all has no bound.
 */
export class UnconfirmedWrites {
  readonly #maxFailed: number;
  readonly #underWay = new Map<string, number>();
  readonly #failed = new Map<string, number>();
  #failures = 0;
  #overflows = 0;
  #flushedOverflows = 0;

  constructor(maxFailed: number) {
    this.#maxFailed = maxFailed;
  }

  begin(key: string): void {
    this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1);
  }

  end(key: string, isConfirmed: boolean): void {
    if (!isConfirmed) this.#fail(key);
    const others = (this.#underWay.get(key) ?? 1) - 1;
    if (others === 0) this.#underWay.delete(key);
    else this.#underWay.set(key, others);
  }

  /** Whether the key's value in Redis may be outdated. */
  has(key: string): boolean {
    return this.hasFailed(key) || this.#underWay.has(key);
  }

  /** Whether a write of the key has failed and was not made good for. */
  hasFailed(key: string): boolean {
    return this.isOverflowing || this.#failed.has(key);
  }

  /** Whether each key's value in Redis is as new as this process knows of. */
  get isEmpty(): boolean {
    return this.#underWay.size === 0 && this.#failed.size === 0 && !this.isOverflowing;
  }

  get needsRepair(): boolean {
    return this.isOverflowing || this.#failed.size > 0;
  }

  get isOverflowing(): boolean {
    return this.#overflows > this.#flushedOverflows;
  }

  get latestFailure(): number {
    return this.#failures;
  }

  /** Writes that failed no later than `latest`, oldest first. */
  failedUntil(latest: number, size: number): FailedWrite[] {
    const batch: FailedWrite[] = [];
    for (const entry of this.#failed) {
      if (batch.length === size || entry[1] > latest) break;
      batch.push(entry);
    }
    return batch;
  }

  /** The keys of a batch were deleted from Redis. Those that failed again meanwhile stay. */
  repaired(batch: readonly FailedWrite[]): void {
    for (const [key, failure] of batch) {
      if (this.#failed.get(key) === failure) this.#failed.delete(key);
    }
  }

  /** To be called before a flush begins; the returned function after it was confirmed. */
  beginFlush(): () => void {
    const overflows = this.#overflows;
    // Not "none left": an overflow during the flush needs another one.
    return () => {
      this.#flushedOverflows = overflows;
    };
  }

  #fail(key: string): void {
    if (this.#failed.size >= this.#maxFailed && !this.#failed.has(key)) {
      this.#overflows += 1;
      this.#failed.clear();
    }
    this.#failures += 1;
    // Deleted first, so that the map stays in the order of the failures.
    this.#failed.delete(key);
    this.#failed.set(key, this.#failures);
  }
}
