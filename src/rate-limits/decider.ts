import { DenyList } from './deny-list.js';
import { allFit, type Charge, type LimitStore } from './limit-store.js';
import type { RateLimitVerdict } from './rate-limiter.js';
import type { Rule } from './rule.js';
import type { Standing } from './trial.js';

/** What was decided, and by whom; `standings` are `null` where nobody counted. */
export interface Decision {
  readonly decidedBy: RateLimitVerdict['decidedBy'];
  readonly allowed: boolean;
  readonly standings: readonly Standing[] | null;
}

/** Counters that decide about the charges of one key. */
export interface Decider {
  /** At once where that takes no trip and no wait. */
  decide(key: string, charges: readonly Charge[], isDry: boolean): Decision | Promise<Decision>;
  /** Changes the count where `decision` was made. Whether it is known to be done. */
  adjust(key: string, charge: Charge, decidedBy?: Decision['decidedBy']): Promise<boolean>;
  reset(key: string, rule: Rule): Promise<boolean>;
}

/** The counters of this process alone. */
export function ownDecider(memory: LimitStore): Decider {
  return {
    decide: async (key, charges, isDry) =>
      counted('memory', (await memory.charge(key, charges, isDry)) ?? []),
    adjust: (key, charge) => memory.adjust(key, charge),
    reset: (key, rule) => memory.reset(key, rule),
  };
}

/** The counters of all processes, with what stands in for them while they are out of reach. */
export function sharedDecider(shared: LimitStore, local: LimitStore, monotonicClock: () => number): Decider {
  const denials = new DenyList();

  async function withoutShared(key: string, charges: readonly Charge[], isDry: boolean): Promise<Decision> {
    if (charges.some(({ rule }) => rule.whenUnavailable === 'closed')) return policy(false);
    const localCharges = charges.filter(({ rule }) => rule.whenUnavailable === 'local');
    if (localCharges.length === 0) return policy(true);
    const standings = [...((await local.charge(key, localCharges, isDry)) ?? [])];
    return counted(
      'local',
      charges.map(
        ({ rule }) => (rule.whenUnavailable === 'local' ? standings.shift() : undefined) ?? UNCOUNTED,
      ),
    );
  }

  async function withShared(
    key: string,
    charges: readonly Charge[],
    isDry: boolean,
    askedAtMs: number,
  ): Promise<Decision> {
    const standings = await shared.charge(key, charges, isDry);
    if (standings === null) return withoutShared(key, charges, isDry);
    const decision = counted('redis', standings);
    if (!decision.allowed && !isDry) denials.add(key, charges, standings, askedAtMs);
    return decision;
  }

  return {
    decide(key, charges, isDry) {
      const askedAtMs = monotonicClock();
      const denied = isDry ? undefined : denials.find(key, charges, askedAtMs);
      if (denied !== undefined) return { decidedBy: 'deny-list', allowed: false, standings: denied };
      return withShared(key, charges, isDry, askedAtMs);
    },

    async adjust(key, charge, decidedBy) {
      if (decidedBy === 'local') return local.adjust(key, charge);
      // Afterwards too: a denial from before may have arrived meanwhile.
      denials.forget(key);
      const isDone = await shared.adjust(key, charge);
      denials.forget(key);
      return isDone;
    },

    async reset(key, rule) {
      denials.forget(key);
      const [isDone] = await Promise.all([shared.reset(key, rule), local.reset(key, rule)]);
      denials.forget(key);
      return isDone;
    },
  };
}

/** Of a limit that lets all pass while Redis is out of reach, beside one that counts. */
const UNCOUNTED: Standing = { retryMicros: 0, remaining: 0, resetMicros: 0 };

function counted(decidedBy: Decision['decidedBy'], standings: readonly Standing[]): Decision {
  return { decidedBy, allowed: allFit(standings), standings };
}

function policy(allowed: boolean): Decision {
  return { decidedBy: 'policy', allowed, standings: null };
}
