import { runScript } from '../redis/redis-script.js';
import { flushCache } from './redis-flush.js';
import { TELL_FLUSHED } from './redis-scripts.js';
import type { RedisTier } from './redis-tier.js';
import { type FailedWrite, UnconfirmedWrites } from './unconfirmed-writes.js';

type Kind = 'value' | 'tag';

const REPAIR_BATCH = 500;

/**
 * Makes good for writes that Redis did not confirm: values are deleted and tags invalidated before what
 * Redis has of them is trusted again, and before anything is read after an outage.
 */
export class RedisRepairs {
  readonly #tier: RedisTier;
  readonly #unconfirmed: UnconfirmedWrites;

  constructor(tier: RedisTier, maxFailedWrites: number) {
    this.#tier = tier;
    this.#unconfirmed = new UnconfirmedWrites(maxFailedWrites);
    tier.link.addRepair(() => this.#repair());
  }

  isTrusted(kind: Kind, name: string): boolean {
    return this.#unconfirmed.isEmpty || !this.#unconfirmed.has(entryOf(kind, name));
  }

  /** As not trusted, but for writes that are under way. */
  hasFailed(kind: Kind, name: string): boolean {
    return this.#unconfirmed.hasFailed(entryOf(kind, name));
  }

  /** To be called before a write is sent; the returned function when it ended, with what was confirmed. */
  begin(kind: Kind, names: readonly string[]): (isConfirmed: (name: string) => boolean) => void {
    for (const name of names) this.#unconfirmed.begin(entryOf(kind, name));
    return (isConfirmed) => {
      for (const name of names) this.#unconfirmed.end(entryOf(kind, name), isConfirmed(name));
      if (!names.every(isConfirmed)) this.#tier.link.requestRepair();
    };
  }

  // Writes that fail during a repair are left to the next: under load there may be no moment without one.
  async #repair(): Promise<boolean> {
    const until = this.#unconfirmed.latestFailure;
    if (this.#unconfirmed.isOverflowing && !(await this.#flush())) return false;
    for (;;) {
      const batch = this.#unconfirmed.failedUntil(until, REPAIR_BATCH);
      if (batch.length === 0) break;
      if (!(await this.#undo(batch))) return false;
    }
    if (this.#unconfirmed.needsRepair) this.#tier.link.requestRepair();
    return true;
  }

  async #flush(): Promise<boolean> {
    const { link, names } = this.#tier;
    const flushed = this.#unconfirmed.beginFlush();
    if (!(await flushCache(link, names))) return false;
    const told = await link.attempt((client, isOver) =>
      runScript(client, TELL_FLUSHED, [], this.#tier.tellingOf(client), isOver),
    );
    if (told.kind !== 'answer') return false;
    flushed();
    return true;
  }

  async #undo(batch: readonly FailedWrite[]): Promise<boolean> {
    const [values, tags] = (['value', 'tag'] as const).map((kind) => namesOf(kind, batch));
    const reply = await this.#tier.link.attempt(async (client, isOver) => [
      ...(values?.length ? await this.#tier.sendRemove(client, isOver, values) : []),
      ...(tags?.length ? await this.#tier.sendInvalidate(client, isOver, tags) : []),
    ]);
    if (reply.kind !== 'answer' || reply.value.includes(undefined)) return false;
    this.#unconfirmed.repaired(batch);
    return true;
  }
}

function entryOf(kind: Kind, name: string): string {
  return kind === 'value' ? `v${name}` : `t${name}`;
}

function namesOf(kind: Kind, batch: readonly FailedWrite[]): string[] {
  const mark = entryOf(kind, '');
  return batch.filter(([entry]) => entry.startsWith(mark)).map(([entry]) => entry.slice(mark.length));
}
