import type { Decision } from './decider.js';
import type { Charge } from './limit-store.js';
import type { LimitStanding, RateLimitOutcome, RateLimitsOutcome, RateLimitVerdict } from './rate-limiter.js';
import type { Standing } from './trial.js';

/** When to come back where nobody can tell: by then Redis has been looked for again. */
const UNKNOWN_RETRY_MS = 1_000;
const FREE: Standing = { retryMicros: 0, remaining: 0, resetMicros: 0 };
const UNKNOWN: Standing = { ...FREE, retryMicros: UNKNOWN_RETRY_MS * 1_000 };

export function outcomeOf(decision: Decision, charges: readonly Charge[], nowMs: number): RateLimitOutcome {
  const [charge] = charges;
  if (charge === undefined) throw new RangeError('a decision without a limit');
  const { decidedBy, allowed } = decision;
  // Field by field: this is in each call.
  const { name, limit, windowSeconds, remaining, retryAfterMs, resetAt } = standingOf(
    decision,
    charge,
    0,
    nowMs,
  );
  const outcome = nameOf(decision);
  return { outcome, allowed, decidedBy, name, limit, windowSeconds, remaining, retryAfterMs, resetAt };
}

export function outcomeOfAll(
  decision: Decision,
  charges: readonly Charge[],
  nowMs: number,
): RateLimitsOutcome {
  const { decidedBy, allowed } = decision;
  const limits = charges.map((charge, index) => standingOf(decision, charge, index, nowMs));
  const retryAfterMs = Math.max(...limits.map((limit) => limit.retryAfterMs));
  return { outcome: nameOf(decision), allowed, decidedBy, retryAfterMs, limits };
}

function nameOf({ decidedBy, allowed }: Decision): RateLimitVerdict['outcome'] {
  if (decidedBy === 'policy') return 'unavailable';
  return allowed ? 'allowed' : 'limited';
}

function standingOf(
  { standings, allowed }: Decision,
  { rule: { name, limit, windowSeconds } }: Charge,
  index: number,
  nowMs: number,
): LimitStanding {
  const { retryMicros, remaining, resetMicros }: Standing = standings?.[index] ?? (allowed ? FREE : UNKNOWN);
  return {
    name,
    limit,
    windowSeconds,
    remaining,
    retryAfterMs: Math.ceil(retryMicros / 1_000),
    resetAt: new Date(Math.ceil(nowMs + resetMicros / 1_000)),
  };
}
