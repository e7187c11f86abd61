import { err, errAsync, ok, okAsync, type Result, ResultAsync } from 'neverthrow';
import type { RateLimit } from '../config/rate-limit-config.js';
import type { CallOptions } from '../database/executor.js';
import { type InputIssue, invalidInput, type StoreError, storeError } from '../errors.js';
import type { RedisLink } from '../redis/redis-link.js';
import { untilAborted } from '../redis/until-aborted.js';
import { type Decider, type Decision, ownDecider, sharedDecider } from './decider.js';
import { chargesIssue, costIssue, type FindRule, keyIssue, ruleFinder, unitsIssue } from './limit-input.js';
import type { Charge } from './limit-store.js';
import { MemoryLimits } from './memory-limits.js';
import { outcomeOf, outcomeOfAll } from './outcome.js';
import type {
  CostOptions,
  LimitCharge,
  RateLimitError,
  RateLimiter,
  RateLimitOutcome,
  RateLimitsOutcome,
  RateLimitWriteError,
  Reservation,
} from './rate-limiter.js';
import { RedisLimits } from './redis-limits.js';
import type { Rule } from './rule.js';

export interface RateLimiterOptions {
  readonly rateLimits: Readonly<Record<string, RateLimit>>;
  /** `null`: this process counts alone. */
  readonly redis: { readonly link: RedisLink; readonly keyPrefix: string } | null;
  /** Milliseconds since 1970; where Redis counts, only for `resetAt` and while it is out of reach. */
  readonly clock: () => number;
  /** Milliseconds that only grow, for what Redis has just denied. */
  readonly monotonicClock?: () => number;
  readonly isClosed: () => boolean;
}

type CostCheck = (cost: unknown, path: string, rule: Rule) => InputIssue | undefined;

/** Makes the limiter; connects to nothing before its first call. */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  const { redis, clock, monotonicClock = () => performance.now() } = options;
  const memory = new MemoryLimits({ clock });
  const decider =
    redis === null ? ownDecider(memory) : sharedDecider(new RedisLimits(redis), memory, monotonicClock);
  return new CountingRateLimiter(decider, options);
}

class CountingRateLimiter implements RateLimiter {
  readonly #decider: Decider;
  readonly #findRule: FindRule;
  readonly #clock: () => number;
  readonly #isClosed: () => boolean;

  constructor(decider: Decider, { rateLimits, clock, isClosed }: RateLimiterOptions) {
    this.#decider = decider;
    this.#findRule = ruleFinder(rateLimits);
    this.#clock = clock;
    this.#isClosed = isClosed;
  }

  consume(key: string, limit: string | RateLimit, options?: CostOptions) {
    return this.#ask('rateLimiter.consume', key, limit, options, false);
  }

  peek(key: string, limit: string | RateLimit, options?: CostOptions) {
    return this.#ask('rateLimiter.peek', key, limit, options, true);
  }

  consumeAll(
    key: string,
    wanted: readonly (string | LimitCharge)[],
    options?: CallOptions,
  ): ResultAsync<RateLimitsOutcome, RateLimitError> {
    const operation = 'rateLimiter.consumeAll';
    const issue = chargesIssue(wanted);
    if (issue !== undefined) return errAsync(invalidInput(operation, [issue]));
    const charges: Charge[] = [];
    for (const [index, entry] of wanted.entries()) {
      const { limit, cost } = typeof entry === 'string' ? { limit: entry } : (entry ?? {});
      const checked = this.#chargeOf(operation, key, limit, cost, costIssue, `charges.${index}.`);
      if (checked.isErr()) return errAsync(checked.error);
      charges.push(checked.value);
    }
    // Both would be asked of the same count, and only one of them spent.
    if (new Set(charges.map(({ rule }) => rule.id)).size < charges.length)
      return errAsync(invalidInput(operation, [{ path: 'charges', message: 'must not name a limit twice' }]));
    return this.#decided(operation, options, key, charges, false, (decision) =>
      outcomeOfAll(decision, charges, this.#clock()),
    );
  }

  reserve(
    key: string,
    limit: string | RateLimit,
    estimate: number,
    options?: CallOptions,
  ): ResultAsync<Reservation, RateLimitError> {
    const operation = 'rateLimiter.reserve';
    const checked = this.#chargeOf(operation, key, limit, estimate, (cost, _path, rule) =>
      costIssue(cost, 'estimate', rule),
    );
    if (checked.isErr()) return errAsync(checked.error);
    const charges = [checked.value];
    return this.#decided(operation, options, key, charges, false, (decision) => ({
      ...outcomeOf(decision, charges, this.#clock()),
      settle: this.#settler(key, checked.value, decision),
    }));
  }

  refund(key: string, limit: string | RateLimit, options?: CostOptions) {
    const operation = 'rateLimiter.refund';
    const checked = this.#chargeOf(operation, key, limit, options?.cost, (cost, path) =>
      unitsIssue(cost, path, 1),
    );
    if (checked.isErr()) return errAsync(checked.error);
    const { cost } = checked.value;
    return confirmed(operation, options, () => this.#decider.adjust(key, { ...checked.value, cost: -cost }));
  }

  reset(key: string, limit: string | RateLimit, options?: CallOptions) {
    const operation = 'rateLimiter.reset';
    const checked = this.#chargeOf(operation, key, limit, undefined, () => undefined);
    if (checked.isErr()) return errAsync(checked.error);
    return confirmed(operation, options, () => this.#decider.reset(key, checked.value.rule));
  }

  #ask(
    operation: string,
    key: string,
    limit: string | RateLimit,
    options: CostOptions | undefined,
    isDry: boolean,
  ): ResultAsync<RateLimitOutcome, RateLimitError> {
    const checked = this.#chargeOf(operation, key, limit, options?.cost, costIssue);
    if (checked.isErr()) return errAsync(checked.error);
    const charges = [checked.value];
    return this.#decided(operation, options, key, charges, isDry, (decision) =>
      outcomeOf(decision, charges, this.#clock()),
    );
  }

  #decided<T>(
    operation: string,
    options: CallOptions | undefined,
    key: string,
    charges: readonly Charge[],
    isDry: boolean,
    answer: (decision: Decision) => T,
  ): ResultAsync<T, StoreError<'aborted'>> {
    return untilAborted(operation, options?.signal, () => {
      const decision = this.#decider.decide(key, charges, isDry);
      return decision instanceof Promise
        ? new ResultAsync(decision.then((made) => ok<T, never>(answer(made))))
        : okAsync(answer(decision));
    });
  }

  #settler(key: string, { rule, cost }: Charge, { allowed, decidedBy }: Decision) {
    let isSettled = !allowed || decidedBy === 'policy';
    return (actual: number, options?: CallOptions): ResultAsync<void, RateLimitWriteError> => {
      const operation = 'rateLimiter.settle';
      const issue = unitsIssue(actual, 'actual', 0);
      if (issue !== undefined) return errAsync(invalidInput(operation, [issue]));
      if (this.#isClosed()) return errAsync(closed(operation));
      const open = actual - cost;
      return confirmed(operation, options, async () => {
        if (isSettled || open === 0) return true;
        isSettled = true;
        return this.#decider.adjust(key, { rule, cost: open }, decidedBy);
      });
    };
  }

  #chargeOf(
    operation: string,
    key: string,
    limit: unknown,
    cost: unknown,
    checkCost: CostCheck,
    path = '',
  ): Result<Charge, RateLimitError> {
    if (this.#isClosed()) return err(closed(operation));
    const units = cost === undefined ? 1 : cost;
    const rule = this.#findRule(limit, `${path}limit`);
    const keyProblem = keyIssue(key);
    const costProblem = isRule(rule) ? checkCost(units, `${path}cost`, rule) : undefined;
    if (!isRule(rule) || keyProblem !== undefined || costProblem !== undefined) {
      const issues = [keyProblem, ...(isRule(rule) ? [costProblem] : rule)];
      return err(
        invalidInput(
          operation,
          issues.filter((issue) => issue !== undefined),
        ),
      );
    }
    return ok({ rule, cost: Number(units) });
  }
}

function isRule(rule: Rule | readonly InputIssue[]): rule is Rule {
  return !Array.isArray(rule);
}

function closed(operation: string): StoreError<'closed'> {
  return storeError('closed', operation, 'the store is closed');
}

function confirmed(
  operation: string,
  options: CallOptions | undefined,
  change: () => Promise<boolean>,
): ResultAsync<void, RateLimitWriteError> {
  return untilAborted(operation, options?.signal, () =>
    ResultAsync.fromSafePromise(change()).andThen((isDone) =>
      isDone
        ? ok<void, RateLimitWriteError>(undefined)
        : err(storeError('unavailable', operation, 'Redis did not confirm the change', {})),
    ),
  );
}
