import type { LimitStanding, RateLimitOutcome, RateLimitsOutcome } from './rate-limiter.js';

/** Fields of a response, by name. Absent: nothing to say. */
export interface RateLimitHeaders {
  'RateLimit-Policy'?: string;
  RateLimit?: string;
  'Retry-After'?: string;
}

export interface RateLimitHeadersOptions {
  /** Milliseconds since 1970, by the clock of the store. Default: `Date.now()`. */
  readonly now?: number;
}

/**
 * What an outcome is to a client: `RateLimit-Policy` and `RateLimit` as of draft-ietf-httpapi-ratelimit-headers-11,
 * and `Retry-After` where the call did not pass. Times are rounded up to whole seconds. Of limits that nobody counted
 * (`unavailable`) the first two are left out.
 *
 * @example
 * import { rateLimitHeaders } from '@macro-ai/store';
 *
 * // RateLimit-Policy: "chat";q=60;w=60
 * // RateLimit: "chat";r=9;t=1
 * for (const [name, value] of Object.entries(rateLimitHeaders(outcome))) response.setHeader(name, value);
 */
export function rateLimitHeaders(
  outcome: RateLimitOutcome | RateLimitsOutcome,
  { now = Date.now() }: RateLimitHeadersOptions = {},
): RateLimitHeaders {
  const limits = 'limits' in outcome ? outcome.limits : [outcome];
  const headers: RateLimitHeaders = {};
  if (outcome.outcome !== 'unavailable') {
    headers['RateLimit-Policy'] = limits.map(policyOf).join(', ');
    headers.RateLimit = limits.map((limit) => serviceLimitOf(limit, now)).join(', ');
  }
  if (!outcome.allowed) headers['Retry-After'] = `${seconds(outcome.retryAfterMs)}`;
  return headers;
}

function policyOf({ name, limit, windowSeconds }: LimitStanding): string {
  return `"${name}";q=${limit};w=${Math.ceil(windowSeconds)}`;
}

function serviceLimitOf({ name, remaining, resetAt }: LimitStanding, now: number): string {
  return `"${name}";r=${remaining};t=${seconds(Math.max(0, resetAt.getTime() - now))}`;
}

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1_000);
}
