import type { Decision } from './decider.js';
import type { Charge } from './limit-store.js';
import type { LimitStanding, RateLimitOutcome, RateLimitsOutcome, RateLimitVerdict } from './rate-limiter.js';
import type { Standing } from './trial.js';

/** When to come back where nobody can tell: by then Redis has been looked for again. */
const UNKNOWN_RETRY_MS = 1_000;

export function outcomeOf(decision: Decision, charges: readonly Charge[], nowMs: number): RateLimitOutcome {
  const [limit] = standingsOf(decision, charges, nowMs);
  if (limit === undefined) throw new RangeError('a decision without a limit');
  const { outcome, allowed, decidedBy } = verdictOf(decision);
  return { outcome, allowed, decidedBy, ...limit };
}

export function outcomeOfAll(
  decision: Decision,
  charges: readonly Charge[],
  nowMs: number,
): RateLimitsOutcome {
  const limits = standingsOf(decision, charges, nowMs);
  const retryAfterMs = Math.max(...limits.map((limit) => limit.retryAfterMs));
  return { ...verdictOf(decision), retryAfterMs, limits };
}

function verdictOf({ decidedBy, allowed }: Decision): RateLimitVerdict {
  const outcome = decidedBy === 'policy' ? 'unavailable' : allowed ? 'allowed' : 'limited';
  return { outcome, allowed, decidedBy };
}

function standingsOf({ standings, allowed }: Decision, charges: readonly Charge[], nowMs: number) {
  const unknown = { retryMicros: allowed ? 0 : UNKNOWN_RETRY_MS * 1_000, remaining: 0, resetMicros: 0 };
  return charges.map(({ rule }, index): LimitStanding => {
    const { retryMicros, remaining, resetMicros }: Standing = standings?.[index] ?? unknown;
    return {
      name: rule.name,
      limit: rule.limit,
      windowSeconds: rule.windowSeconds,
      remaining,
      retryAfterMs: Math.ceil(retryMicros / 1_000),
      resetAt: new Date(Math.ceil(nowMs + resetMicros / 1_000)),
    };
  });
}
