import type { Rule } from './rule.js';
import type { Standing } from './trial.js';

/** What one call asks of one limit of one key. */
export interface Charge {
  readonly rule: Rule;
  readonly cost: number;
}

/** Keeps what keys have spent. */
export interface LimitStore {
  /**
   * Spends from all limits of a key or from none, in one step; with `isDry` it only asks. `null`: out of reach, and what
   * was asked may have been spent or not.
   */
  charge(key: string, charges: readonly Charge[], isDry: boolean): Promise<readonly Standing[] | null>;
  /** Gives `-cost` units back, or charges without asking. Whether it is known to be done. */
  adjust(key: string, charge: Charge): Promise<boolean>;
  /** As if nothing had been spent of this limit. Whether it is known to be done. */
  reset(key: string, rule: Rule): Promise<boolean>;
}

/** Whether all limits let their costs pass. */
export function allFit(standings: readonly Pick<Standing, 'retryMicros'>[]): boolean {
  return standings.every(({ retryMicros }) => retryMicros === 0);
}

/**
 * The name of a limit of a key. Different keys have different names, and all names of one key are in one slot:
 * its part between the first `{` and the first `}` after it is the key, and no key brings a `}` along.
 */
export function placeOf(keyPrefix: string, key: string, rule: Rule): string {
  return `${keyPrefix}limit:{${key.replace(RESERVED, encodeURIComponent)}}${rule.id}`;
}

const RESERVED = /[%}]/g;
