import { type RateLimit, rateLimit } from '../config/rate-limit-config.js';
import type { InputIssue } from '../errors.js';
import { inputIssues, isStorable, NOT_STORABLE } from '../input.js';
import { makeRule, type Rule } from './rule.js';

const MAX_KEY_LENGTH = 1_024;
const MAX_CHARGES = 20;
const MAX_UNITS = 1_000_000_000;

export function keyIssue(key: unknown): InputIssue | undefined {
  if (typeof key !== 'string' || key === '') return { path: 'key', message: 'must be a non-empty string' };
  if (key.length > MAX_KEY_LENGTH)
    return { path: 'key', message: `must be at most ${MAX_KEY_LENGTH} characters` };
  return isStorable(key) ? undefined : { path: 'key', message: NOT_STORABLE };
}

/** Of what is to pass: a cost above the capacity never would. */
export function costIssue(cost: unknown, path: string, { capacity }: Rule): InputIssue | undefined {
  return unitsIssue(cost, path, 1, capacity);
}

/** Of what is given back or settled, which may be more than passes at once. */
export function unitsIssue(
  units: unknown,
  path: string,
  min: 0 | 1,
  max = MAX_UNITS,
): InputIssue | undefined {
  if (Number.isSafeInteger(units) && Number(units) >= min && Number(units) <= max) return undefined;
  return { path, message: `must be a whole number from ${min} to ${max}` };
}

export function chargesIssue(charges: unknown): InputIssue | undefined {
  if (Array.isArray(charges) && charges.length >= 1 && charges.length <= MAX_CHARGES) return undefined;
  return { path: 'charges', message: `must be an array of 1 to ${MAX_CHARGES} limits` };
}

/** Finds the rule of a name, or of a limit that a call brings along. */
export type FindRule = (limit: unknown, path: string) => Rule | readonly InputIssue[];

export function ruleFinder(configured: Readonly<Record<string, RateLimit>>): FindRule {
  const named = new Map(Object.entries(configured).map(([name, limit]) => [name, makeRule(limit, name)]));
  // Most limits that calls bring along are constants of the application.
  const known = new WeakMap<object, { readonly source: RateLimit; readonly rule: Rule }>();
  return (limit, path) => {
    if (typeof limit === 'string') {
      return named.get(limit) ?? [{ path, message: 'must be a name of rateLimits in the configuration' }];
    }
    const before = typeof limit === 'object' && limit !== null ? known.get(limit) : undefined;
    if (before !== undefined && isSame(before.source, limit as RateLimit)) return before.rule;
    const result = rateLimit.safeParse(limit);
    if (!result.success) return inputIssues(result.error, [path]);
    const rule = makeRule(result.data, null);
    known.set(limit as RateLimit, { source: result.data, rule });
    return rule;
  };
}

function isSame(a: RateLimit, b: RateLimit): boolean {
  return (
    a.limit === b.limit &&
    a.windowSeconds === b.windowSeconds &&
    a.burst === b.burst &&
    a.algorithm === b.algorithm &&
    a.whenUnavailable === b.whenUnavailable
  );
}
