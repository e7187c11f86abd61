import { LRUCache } from 'lru-cache';
import { gcra } from './gcra.js';
import { allFit, type Charge, type LimitStore, placeOf } from './limit-store.js';
import type { Rule } from './rule.js';
import { slidingWindow } from './sliding-window.js';
import type { Algorithm, Standing, State } from './trial.js';

export interface MemoryLimitsOptions {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Limits of keys remembered at most; the least recently used is forgotten, as if nothing had been spent of it. */
  readonly maxPlaces?: number;
}

const MAX_PLACES = 100_000;

/** Counts in this process alone. */
export class MemoryLimits implements LimitStore {
  readonly #clock: () => number;
  readonly #states: LRUCache<string, State>;

  constructor({ clock, maxPlaces = MAX_PLACES }: MemoryLimitsOptions) {
    this.#clock = clock;
    this.#states = new LRUCache({ max: maxPlaces });
  }

  async charge(key: string, charges: readonly Charge[], isDry: boolean): Promise<readonly Standing[]> {
    const nowMicros = this.#nowMicros();
    const trials = charges.map(({ rule, cost }) => {
      const place = placeOf('', key, rule);
      return { place, ...algorithmOf(rule).attempt(this.#states.get(place), nowMicros, rule, cost) };
    });
    const spends = !isDry && allFit(trials);
    if (spends) for (const { place, next } of trials) this.#states.set(place, next);
    return trials.map(({ retryMicros, before, after }) => ({ retryMicros, ...(spends ? after : before) }));
  }

  async adjust(key: string, { rule, cost }: Charge): Promise<true> {
    const place = placeOf('', key, rule);
    const state = algorithmOf(rule).adjust(this.#states.get(place), this.#nowMicros(), rule, cost);
    if (state === undefined) this.#states.delete(place);
    else this.#states.set(place, state);
    return true;
  }

  async reset(key: string, rule: Rule): Promise<true> {
    this.#states.delete(placeOf('', key, rule));
    return true;
  }

  #nowMicros(): number {
    return Math.floor(this.#clock() * 1_000);
  }
}

function algorithmOf({ algorithm }: Rule): Algorithm {
  return algorithm === 'gcra' ? gcra : slidingWindow;
}
