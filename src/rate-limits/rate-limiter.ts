import type { ResultAsync } from 'neverthrow';
import type { RateLimit } from '../config/rate-limit-config.js';
import type { CallOptions } from '../database/executor.js';
import type { StoreError } from '../errors.js';

/** What any call can end in. That a limit is reached, or Redis out of reach, is an outcome and not an error. */
export type RateLimitError = StoreError<'invalid-input' | 'closed' | 'aborted'>;

/** What `refund`, `reset` and `settle` can end in. */
export type RateLimitWriteError = StoreError<'invalid-input' | 'closed' | 'aborted' | 'unavailable'>;

/** Where a key stands with one limit. */
export interface LimitStanding {
  /** That of the configuration; of a limit that the call brought along, its numbers. */
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
  /** Units that would pass now. */
  readonly remaining: number;
  /** Until the same call would pass, if nobody else spends; 0 where it does. */
  readonly retryAfterMs: number;
  /** When all is as if nothing had been spent, by this process's clock. */
  readonly resetAt: Date;
}

export interface RateLimitVerdict {
  /**
   * `allowed` and `limited` are what the counters say. `unavailable`: they could not be asked, and `allowed` is
   * what the limit's `whenUnavailable` says, `open` or `closed`.
   */
  readonly outcome: 'allowed' | 'limited' | 'unavailable';
  readonly allowed: boolean;
  /**
   * `redis`: the counters that all processes share. `deny-list`: they said no to this process less than a second
   * ago. `memory`: this process, as no Redis is configured. `local`: this process, as Redis is out of reach.
   * `policy`: nobody counted.
   */
  readonly decidedBy: 'redis' | 'deny-list' | 'memory' | 'local' | 'policy';
}

export interface RateLimitOutcome extends RateLimitVerdict, LimitStanding {}

export interface RateLimitsOutcome extends RateLimitVerdict {
  /** The longest of the limits'. */
  readonly retryAfterMs: number;
  /** In the order in which they were asked. */
  readonly limits: readonly LimitStanding[];
}

export interface CostOptions extends CallOptions {
  /** Units, a whole number of 1 or more. Default: 1. */
  readonly cost?: number;
}

export interface LimitCharge<Name extends string = string> extends Pick<CostOptions, 'cost'> {
  readonly limit: Name | RateLimit;
}

/** An estimate that was spent, to be corrected by what was used in the end. */
export interface Reservation extends RateLimitOutcome {
  /**
   * Gives back what was not used, or charges what was used beyond the estimate, also where that leaves the key in
   * debt: then calls are limited until it has come back. 0 gives back all. Only the first call counts, and none
   * where the estimate did not pass.
   */
  settle(actual: number, options?: CallOptions): ResultAsync<void, RateLimitWriteError>;
}

/**
 * Limits how much may pass under a key, such as a user's id: by the clock of Redis and for all processes together, or in
 * this process where no Redis is configured.
 *
 * A limit is the name of one of the configuration, or brought along by the call. A call that is limited spends
 * nothing. No call is sent to Redis twice: where the answer is lost, the cost may have been spent.
 *
 * A `signal` that fires ends the wait, as `aborted`: what was sent may have been spent, and is not given back. One that
 * has fired before, and nothing is sent or spent.
 */
export interface RateLimiter<Name extends string = string> {
  /**
   * Spends `cost` units of a key, if they pass. One trip to Redis, and none while a denial of less than a second
   * ago holds. `invalid-input` for an empty key or one above 1,024 characters, an unknown name, and a cost that could
   * never pass.
   *
   * @example
   * const outcome = await store.rateLimiter.consume(userId, 'chat');
   * if (outcome.isOk() && !outcome.value.allowed) return tooManyRequests(outcome.value.retryAfterMs);
   */
  consume(
    key: string,
    limit: Name | RateLimit,
    options?: CostOptions,
  ): ResultAsync<RateLimitOutcome, RateLimitError>;

  /** Spends of 1 to 20 limits of one key in one trip: of all, or of none where one of them is reached. */
  consumeAll(
    key: string,
    charges: readonly (Name | LimitCharge<Name>)[],
    options?: CallOptions,
  ): ResultAsync<RateLimitsOutcome, RateLimitError>;

  /** As {@link RateLimiter.consume} would answer, but spends nothing. Always asks. */
  peek(
    key: string,
    limit: Name | RateLimit,
    options?: CostOptions,
  ): ResultAsync<RateLimitOutcome, RateLimitError>;

  /** Gives `cost` units back, never more than were spent. In other processes a denial holds for up to a second more. */
  refund(key: string, limit: Name | RateLimit, options?: CostOptions): ResultAsync<void, RateLimitWriteError>;

  /** As if the key had spent nothing of this limit. In other processes a denial holds for up to a second more. */
  reset(key: string, limit: Name | RateLimit, options?: CallOptions): ResultAsync<void, RateLimitWriteError>;

  /**
   * Spends an estimate, such as the tokens a model may use, and hands back how to settle it.
   *
   * @example
   * const reserved = await store.rateLimiter.reserve(userId, 'tokens', 2_000);
   * if (reserved.isOk() && reserved.value.allowed) await reserved.value.settle(await tokensUsed());
   */
  reserve(
    key: string,
    limit: Name | RateLimit,
    estimate: number,
    options?: CallOptions,
  ): ResultAsync<Reservation, RateLimitError>;
}
