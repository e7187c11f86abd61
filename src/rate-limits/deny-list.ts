import { LRUCache } from 'lru-cache';
import type { Charge } from './limit-store.js';
import type { Standing } from './trial.js';

interface Denial {
  /** A call that costs less may pass sooner. */
  readonly costs: readonly number[];
  readonly standings: readonly Standing[];
  readonly askedAtMs: number;
  readonly forgottenAtMs: number;
}

/**
 * How long a denial answers further calls without Redis, at most. So a `reset` or `refund` in one process reaches
 * the others within this time, without a message that could be lost.
 */
const MAX_DENIAL_MS = 1_000;

const MAX_KEYS = 10_000;
/** Combinations of limits that are remembered for one key. */
const MAX_DENIALS_PER_KEY = 20;

/** What Redis has just denied to this process; never longer than Redis said. All times are monotonic. */
export class DenyList {
  readonly #denials = new LRUCache<string, Map<string, Denial>>({ max: MAX_KEYS });

  /** `askedAtMs`: when Redis was asked, which is before it counted. */
  add(key: string, charges: readonly Charge[], standings: readonly Standing[], askedAtMs: number): void {
    let denials = this.#denials.get(key);
    if (denials === undefined || denials.size >= MAX_DENIALS_PER_KEY) {
      denials = new Map();
      this.#denials.set(key, denials);
    }
    const retryMs = Math.max(...standings.map(({ retryMicros }) => retryMicros)) / 1_000;
    denials.set(limitsOf(charges), {
      costs: charges.map(({ cost }) => cost),
      standings,
      askedAtMs,
      forgottenAtMs: askedAtMs + Math.min(retryMs, MAX_DENIAL_MS),
    });
  }

  /** What Redis would say to these charges, where that is known to be no. */
  find(key: string, charges: readonly Charge[], nowMs: number): readonly Standing[] | undefined {
    const denial = this.#denials.get(key)?.get(limitsOf(charges));
    if (denial === undefined || nowMs >= denial.forgottenAtMs) return undefined;
    if (charges.some(({ cost }, index) => cost < (denial.costs[index] ?? 0))) return undefined;
    const agedMicros = Math.floor((nowMs - denial.askedAtMs) * 1_000);
    return denial.standings.map(({ retryMicros, remaining, resetMicros }) => ({
      retryMicros: Math.max(0, retryMicros - agedMicros),
      remaining,
      resetMicros: Math.max(0, resetMicros - agedMicros),
    }));
  }

  forget(key: string): void {
    this.#denials.delete(key);
  }
}

/** The ids of the limits, which are the same strings in every call, and so have their hashes. */
function limitsOf(charges: readonly Charge[]): string {
  return charges.length === 1 ? (charges[0]?.rule.id ?? '') : charges.map(({ rule }) => rule.id).join('\n');
}
