import { z } from 'zod';

/**
 * What may pass a limiter under one key.
 *
 * @example
 * const chat: RateLimit = { limit: 60, windowSeconds: 60, burst: 10 };
 */
export interface RateLimit {
  /** Units a window, 1 or more, at most 100,000 a second. A call is one unit, unless it says its cost. */
  readonly limit: number;
  /** 0.001 or more. What is spent must have come back within 366 days. */
  readonly windowSeconds: number;
  /** Units that may pass at once after a pause; in any window, less than `limit + burst` pass. Default: `limit`. */
  readonly burst?: number;
  /**
   * `gcra` (default): units come back one by one. `sliding-window`: at most `limit` in each calendar window, for
   * a quota that is shown as such; the window before still counts by the share of it that is not over.
   */
  readonly algorithm?: 'gcra' | 'sliding-window';
  /**
   * While Redis is out of reach: `local` (default) limits each process by itself, `open` lets all pass, `closed`
   * none.
   */
  readonly whenUnavailable?: 'local' | 'open' | 'closed';
}

const MIN_WINDOW_SECONDS = 0.001;
const MAX_REFILL_SECONDS = 366 * 86_400;
const MAX_UNITS_PER_SECOND = 100_000;

/** Checks a {@link RateLimit}, also one that a call brings along. */
export const rateLimit: z.ZodType<RateLimit> = z
  .strictObject({
    limit: z.int().min(1),
    windowSeconds: z.number().min(MIN_WINDOW_SECONDS).max(MAX_REFILL_SECONDS),
    burst: z.int().min(1).exactOptional(),
    algorithm: z.enum(['gcra', 'sliding-window']).exactOptional(),
    whenUnavailable: z.enum(['local', 'open', 'closed']).exactOptional(),
  })
  .superRefine(({ limit, windowSeconds, burst, algorithm }, context) => {
    if (windowSeconds < MIN_WINDOW_SECONDS || windowSeconds > MAX_REFILL_SECONDS) return;
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (limit > windowSeconds * MAX_UNITS_PER_SECOND)
      refuse('limit', `must be at most ${MAX_UNITS_PER_SECOND} a second; count in larger units`);
    if (algorithm === 'sliding-window' && burst !== undefined)
      refuse('burst', 'is not for a sliding window, which lets the whole limit pass at once');
    if (((burst ?? limit) / limit) * windowSeconds > MAX_REFILL_SECONDS)
      refuse('burst', 'must have come back within 366 days');
  });

export const rateLimits = z.record(
  z.string().regex(/^[\w.-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, "_", "." or "-"' }),
  rateLimit,
);
