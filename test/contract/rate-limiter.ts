import type { ResultAsync } from 'neverthrow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RateLimit } from '../../src/config/rate-limit-config.js';
import type { RateLimiter, RateLimitWriteError } from '../../src/rate-limits/rate-limiter.js';
import { type LimiterUnderTest, outcome, passing, RATE_LIMITS } from './rate-limit-kit.js';

/** What every limiter does, wherever it counts. `pass` needs no real time. */
export function rateLimiterContract(
  name: string,
  make: (rateLimits: typeof RATE_LIMITS) => Promise<LimiterUnderTest>,
): void {
  describe(`rate limiter: ${name}`, () => {
    let under: LimiterUnderTest;
    let limiter: RateLimiter;

    beforeEach(async () => {
      under = await make(RATE_LIMITS);
      limiter = under.limiter;
    });
    afterEach(() => under.close());

    const allowed = async (...args: Parameters<RateLimiter['consume']>) =>
      (await outcome(limiter.consume(...args))).allowed;
    const peek = async (...args: Parameters<RateLimiter['peek']>) => outcome(limiter.peek(...args));
    const refusal = async <T>(call: ResultAsync<T, RateLimitWriteError>) => {
      const error = (await call)._unsafeUnwrapErr();
      if (error.kind !== 'invalid-input') throw new Error(`refused as ${error.kind}`);
      return error;
    };

    describe('consume', () => {
      it('lets the burst pass at once, and then says when to come back', async () => {
        expect(await passing(limiter, 15, 'ada', 'chat')).toBe(10);
        const denied = await outcome(limiter.consume('ada', 'chat'));
        expect(denied).toMatchObject({
          outcome: 'limited',
          allowed: false,
          remaining: 0,
          name: 'chat',
          limit: 60,
          windowSeconds: 60,
        });
        expect(denied.retryAfterMs).toBeGreaterThan(0);
        expect(denied.retryAfterMs).toBeLessThanOrEqual(1_000);
      });

      it('counts down what remains', async () => {
        const first = await outcome(limiter.consume('ada', 'hourly', { cost: 30 }));
        expect(first).toMatchObject({ outcome: 'allowed', remaining: 70, retryAfterMs: 0 });
        expect((await outcome(limiter.consume('ada', 'hourly', { cost: 70 }))).remaining).toBe(0);
      });

      it('gives units back one by one', async () => {
        expect(await passing(limiter, 11, 'ada', 'chat')).toBe(10);
        await under.pass(1_000);
        expect(await passing(limiter, 2, 'ada', 'chat')).toBe(1);
        await under.pass(3_000);
        expect(await passing(limiter, 5, 'ada', 'chat')).toBe(3);
        await under.pass(3_600_000);
        expect(await passing(limiter, 11, 'ada', 'chat')).toBe(10);
      });

      it('spends nothing when it says no', async () => {
        expect(await allowed('ada', 'hourly', { cost: 95 })).toBe(true);
        for (let call = 0; call < 5; call += 1) {
          expect(await allowed('ada', 'hourly', { cost: 6 })).toBe(false);
        }
        expect(await allowed('ada', 'hourly', { cost: 5 })).toBe(true);
        expect(await allowed('ada', 'hourly')).toBe(false);
      });

      it('keeps keys apart, also those that look like each other', async () => {
        const keys = ['a', 'A', 'a}', '{a', '{a}', 'a%7D', 'a}chat', 'ä', 'a:', ' a', '\u{1f600}'];
        for (const key of keys) expect(await passing(limiter, 12, key, 'chat')).toBe(10);
      });

      it('keeps the limits of one key apart', async () => {
        expect(await passing(limiter, 12, 'ada', 'chat')).toBe(10);
        expect(await allowed('ada', 'hourly')).toBe(true);
      });

      it('takes a limit that the call brings along, by its numbers', async () => {
        const perPlan: RateLimit = { limit: 3, windowSeconds: 3_600 };
        expect(await passing(limiter, 5, 'ada', perPlan)).toBe(3);
        expect(await passing(limiter, 5, 'ada', { ...perPlan })).toBe(0);
        expect(await passing(limiter, 5, 'ada', { ...perPlan, limit: 4 })).toBe(4);
      });

      it('notices that a limit object was changed', async () => {
        const limit = { limit: 1, windowSeconds: 3_600 };
        expect(await passing(limiter, 3, 'ada', limit)).toBe(1);
        limit.limit = 2;
        expect(await passing(limiter, 3, 'ada', limit)).toBe(2);
      });

      it('lets exactly the burst of 200 calls at once pass', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 200 }, () => outcome(limiter.consume('ada', 'hourly'))),
        );
        expect(outcomes.filter((one) => one.allowed)).toHaveLength(100);
      });

      it('counts a window that does not divide by its limit, and one of less than a second', async () => {
        expect(await passing(limiter, 9, 'ada', { limit: 7, windowSeconds: 3_600 })).toBe(7);
        const short: RateLimit = { limit: 5, windowSeconds: 0.5, burst: 1 };
        expect(await allowed('bob', short)).toBe(true);
        await under.pass(100);
        expect(await allowed('bob', short)).toBe(true);
      });
    });

    describe('a sliding window', () => {
      it('lets its limit pass in a calendar window', async () => {
        expect(await passing(limiter, 15, 'ada', 'quota')).toBe(10);
        const denied = await outcome(limiter.consume('ada', 'quota'));
        expect(denied).toMatchObject({ outcome: 'limited', remaining: 0 });
        expect(denied.retryAfterMs).toBeGreaterThan(0);
        expect(denied.retryAfterMs).toBeLessThanOrEqual(2 * 3_600_000);
      });

      it('takes costs, refunds and a reset', async () => {
        expect(await allowed('ada', 'quota', { cost: 8 })).toBe(true);
        expect(await allowed('ada', 'quota', { cost: 3 })).toBe(false);
        expect((await limiter.refund('ada', 'quota', { cost: 3 })).isOk()).toBe(true);
        expect((await peek('ada', 'quota')).remaining).toBe(5);
        expect(await allowed('ada', 'quota', { cost: 5 })).toBe(true);
        expect((await limiter.reset('ada', 'quota')).isOk()).toBe(true);
        expect((await peek('ada', 'quota')).remaining).toBe(10);
      });
    });

    describe('consumeAll', () => {
      it('spends of all limits, or of none', async () => {
        const both = async () =>
          (await limiter.consumeAll('ada', ['chat', { limit: 'hourly', cost: 20 }]))._unsafeUnwrap();
        for (let call = 1; call <= 5; call += 1) {
          const { outcome, limits } = await both();
          expect(outcome).toBe('allowed');
          expect(limits.map(({ name, remaining }) => [name, remaining])).toEqual([
            ['chat', 10 - call],
            ['hourly', 100 - 20 * call],
          ]);
        }
        const denied = await both();
        expect(denied).toMatchObject({ outcome: 'limited', allowed: false });
        expect(denied.limits.map(({ remaining }) => remaining)).toEqual([5, 0]);
        expect(denied.limits.map(({ retryAfterMs }) => retryAfterMs > 0)).toEqual([false, true]);
        expect(denied.retryAfterMs).toBe(denied.limits[1]?.retryAfterMs);
        expect((await peek('ada', 'chat')).remaining).toBe(5);
      });

      it('mixes ways of counting', async () => {
        const call = () => limiter.consumeAll('ada', ['quota', 'hourly']);
        for (let count = 0; count < 10; count += 1) expect((await call())._unsafeUnwrap().allowed).toBe(true);
        expect((await call())._unsafeUnwrap().allowed).toBe(false);
        expect((await peek('ada', 'hourly')).remaining).toBe(90);
      });

      it('lets exactly what all limits allow pass, of 100 calls at once', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 100 }, () => limiter.consumeAll('ada', ['chat', 'hourly'])),
        );
        expect(outcomes.filter((one) => one._unsafeUnwrap().allowed)).toHaveLength(10);
        expect((await peek('ada', 'hourly')).remaining).toBe(90);
      });
    });

    describe('peek', () => {
      it('answers as a call would be, and spends nothing', async () => {
        for (let call = 0; call < 3; call += 1) {
          expect(await peek('ada', 'chat')).toMatchObject({ outcome: 'allowed', remaining: 10 });
        }
        expect(await passing(limiter, 10, 'ada', 'chat')).toBe(10);
        expect(await peek('ada', 'chat')).toMatchObject({ outcome: 'limited', remaining: 0 });
        expect((await peek('bob', 'chat', { cost: 10 })).allowed).toBe(true);
      });
    });

    describe('refund', () => {
      it('gives back what was spent, at once', async () => {
        expect(await passing(limiter, 12, 'ada', 'chat')).toBe(10);
        expect((await limiter.refund('ada', 'chat', { cost: 4 })).isOk()).toBe(true);
        expect(await passing(limiter, 12, 'ada', 'chat')).toBe(4);
      });

      it('never gives back more than was spent', async () => {
        expect(await allowed('ada', 'chat')).toBe(true);
        await limiter.refund('ada', 'chat', { cost: 1_000 });
        await limiter.refund('nobody', 'chat', { cost: 1_000 });
        expect(await passing(limiter, 20, 'ada', 'chat')).toBe(10);
        expect(await passing(limiter, 20, 'nobody', 'chat')).toBe(10);
      });
    });

    describe('reset', () => {
      it('forgets what one key spent of one limit, at once', async () => {
        for (const key of ['ada', 'bob']) expect(await passing(limiter, 12, key, 'chat')).toBe(10);
        expect(await allowed('ada', 'hourly')).toBe(true);
        expect((await limiter.reset('ada', 'chat')).isOk()).toBe(true);
        expect(await passing(limiter, 12, 'ada', 'chat')).toBe(10);
        expect(await allowed('bob', 'chat')).toBe(false);
        expect((await peek('ada', 'hourly')).remaining).toBe(99);
      });
    });

    describe('reserve', () => {
      const remaining = async () => (await peek('ada', 'tokens')).remaining;
      const reserve = async (estimate: number) =>
        (await limiter.reserve('ada', 'tokens', estimate))._unsafeUnwrap();

      it('gives back what was not used, and only once', async () => {
        const reserved = await reserve(400);
        expect(await remaining()).toBe(600);
        expect((await reserved.settle(150)).isOk()).toBe(true);
        expect((await reserved.settle(0)).isOk()).toBe(true);
        expect(await remaining()).toBe(850);
      });

      it('gives all back when nothing was used', async () => {
        await (await reserve(400)).settle(0);
        expect(await remaining()).toBe(1_000);
      });

      it('charges what was used beyond the estimate, into debt', async () => {
        const reserved = await reserve(900);
        await reserved.settle(1_500);
        expect(await peek('ada', 'tokens')).toMatchObject({ allowed: false, remaining: 0 });
        // 500 in debt, at 1,000 an hour.
        await under.pass(1_790_000);
        expect((await peek('ada', 'tokens')).allowed).toBe(false);
        await under.pass(20_000);
        expect((await peek('ada', 'tokens')).allowed).toBe(true);
      });

      it('bounds a debt to what the limit lets pass at once', async () => {
        await (await reserve(1_000)).settle(1_000_000_000);
        await under.pass(3_610_000);
        expect((await peek('ada', 'tokens')).allowed).toBe(true);
      });

      it('has nothing to settle where it did not pass', async () => {
        expect((await reserve(900)).allowed).toBe(true);
        const denied = await reserve(200);
        expect(denied).toMatchObject({ outcome: 'limited', allowed: false });
        expect((await denied.settle(0)).isOk()).toBe(true);
        expect(await remaining()).toBe(100);
      });
    });

    describe('bad input', () => {
      const bad = (value: unknown) => value as never;

      it.each([
        ['', 'key'],
        ['x'.repeat(1_025), 'key'],
        ['a\0b', 'key'],
        ['\ud800', 'key'],
        [null, 'key'],
        [5, 'key'],
      ])('refuses the key %j', async (key, path) => {
        const calls: ResultAsync<unknown, RateLimitWriteError>[] = [
          limiter.consume(bad(key), 'chat'),
          limiter.peek(bad(key), 'chat'),
          limiter.refund(bad(key), 'chat'),
          limiter.reset(bad(key), 'chat'),
          limiter.reserve(bad(key), 'chat', 1),
          limiter.consumeAll(bad(key), ['chat']),
        ];
        for (const call of calls) {
          const error = await refusal(call);
          expect(error.kind).toBe('invalid-input');
          expect(error.issues.map((issue) => issue.path)).toEqual([path]);
        }
      });

      it.each([0, -1, 1.5, 11, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, '1', null, 1n])(
        'refuses the cost %s, and changes nothing',
        async (cost) => {
          expect((await refusal(limiter.consume('ada', 'chat', { cost: bad(cost) }))).issues[0]?.path).toBe(
            'cost',
          );
          expect((await refusal(limiter.reserve('ada', 'chat', bad(cost)))).issues[0]?.path).toBe('estimate');
          const all = await refusal(
            limiter.consumeAll('ada', ['hourly', { limit: 'chat', cost: bad(cost) }]),
          );
          expect(all.issues[0]?.path).toBe('charges.1.cost');
          expect((await peek('ada', 'chat')).remaining).toBe(10);
          expect((await peek('ada', 'hourly')).remaining).toBe(100);
        },
      );

      it.each([
        ['unknown', ['limit']],
        ['', ['limit']],
        ['__proto__', ['limit']],
        [undefined, ['limit']],
        [null, ['limit']],
        [{}, ['limit.limit', 'limit.windowSeconds']],
        [{ limit: 0, windowSeconds: 1 }, ['limit.limit']],
        [{ limit: 1, windowSeconds: 0 }, ['limit.windowSeconds']],
        [{ limit: 1, windowSeconds: Number.NaN }, ['limit.windowSeconds']],
        [{ limit: Number.NaN, windowSeconds: 1 }, ['limit.limit']],
        [{ limit: 1.5, windowSeconds: 1 }, ['limit.limit']],
        [{ limit: 1, windowSeconds: -1 }, ['limit.windowSeconds']],
        [{ limit: 1, windowSeconds: 1e9 }, ['limit.windowSeconds']],
        [{ limit: 1, windowSeconds: 1, burst: 0 }, ['limit.burst']],
        [{ limit: 1, windowSeconds: 86_400, burst: 400 }, ['limit.burst']],
        [{ limit: 200_000, windowSeconds: 1 }, ['limit.limit']],
        [{ limit: 5, windowSeconds: 1, burst: 2, algorithm: 'sliding-window' }, ['limit.burst']],
        [{ limit: 5, windowSeconds: 1, algorithm: 'leaky' }, ['limit.algorithm']],
        [{ limit: 5, windowSeconds: 1, whenUnavailable: 'maybe' }, ['limit.whenUnavailable']],
        [{ limit: 5, windowSeconds: 1, bursts: 2 }, ['limit.bursts']],
      ])('refuses the limit %o', async (limit, paths) => {
        const error = await refusal(limiter.consume('ada', bad(limit)));
        expect(error.kind).toBe('invalid-input');
        expect(error.issues.map((issue) => issue.path)).toEqual(paths);
      });

      it.each([
        [[]],
        [null],
        ['chat'],
        [Array.from({ length: 21 }, () => 'chat')],
        [['chat', 'chat']],
        [[null]],
      ])('refuses the charges %j', async (charges) => {
        expect((await refusal(limiter.consumeAll('ada', bad(charges)))).kind).toBe('invalid-input');
        expect((await peek('ada', 'chat')).remaining).toBe(10);
      });

      it.each([0, -1, Number.NaN, 1.5, '1'])('refuses to give back %s', async (cost) => {
        expect((await refusal(limiter.refund('ada', 'chat', { cost: bad(cost) }))).kind).toBe(
          'invalid-input',
        );
      });

      it('refuses to settle what is no count, and can be settled afterwards', async () => {
        const reserved = (await limiter.reserve('ada', 'tokens', 100))._unsafeUnwrap();
        for (const actual of [-1, Number.NaN, 1.5, undefined]) {
          expect((await refusal(reserved.settle(bad(actual)))).issues[0]?.path).toBe('actual');
        }
        await reserved.settle(0);
        expect((await peek('ada', 'tokens')).remaining).toBe(1_000);
      });

      it('never tells the key in an error', async () => {
        const secret = `secret-${'x'.repeat(2_000)}`;
        const error = (await limiter.consume(secret, 'chat'))._unsafeUnwrapErr();
        expect(JSON.stringify(error) + error.message + error.stack).not.toContain('secret');
      });
    });

    describe('a signal', () => {
      const abortedCalls = (
        signal: AbortSignal,
      ): [string, () => ResultAsync<unknown, RateLimitWriteError>][] => [
        ['consume', () => limiter.consume('ada', 'tokens', { cost: 10, signal })],
        ['consumeAll', () => limiter.consumeAll('ada', [{ limit: 'tokens', cost: 10 }, 'chat'], { signal })],
        ['peek', () => limiter.peek('ada', 'tokens', { signal })],
        ['refund', () => limiter.refund('ada', 'tokens', { cost: 10, signal })],
        ['reset', () => limiter.reset('ada', 'tokens', { signal })],
        ['reserve', () => limiter.reserve('ada', 'tokens', 10, { signal })],
      ];

      it('that has fired before a call leaves all as it was', async () => {
        await outcome(limiter.consume('ada', 'tokens', { cost: 100 }));
        for (const [operation, call] of abortedCalls(AbortSignal.abort())) {
          expect((await call())._unsafeUnwrapErr()).toMatchObject({
            kind: 'aborted',
            operation: `rateLimiter.${operation}`,
          });
        }
        await under.pass(0);
        expect((await peek('ada', 'tokens')).remaining).toBe(900);
        expect((await peek('ada', 'chat')).remaining).toBe(10);
      });

      it('that has fired before leaves a reservation to be settled', async () => {
        const reserved = (await limiter.reserve('ada', 'tokens', 100))._unsafeUnwrap();
        const early = await reserved.settle(0, { signal: AbortSignal.abort() });
        expect(early._unsafeUnwrapErr().kind).toBe('aborted');
        await reserved.settle(40);
        expect((await peek('ada', 'tokens')).remaining).toBe(960);
      });

      it('that fires during a call ends the wait, and not what was asked for', async () => {
        const controller = new AbortController();
        const call = limiter.consume('ada', 'tokens', { cost: 100, signal: controller.signal });
        controller.abort();
        expect((await call)._unsafeUnwrapErr().kind).toBe('aborted');
        await vi.waitFor(async () => expect((await peek('ada', 'tokens')).remaining).toBe(900));
      });

      it('that fires after a call changes nothing', async () => {
        const controller = new AbortController();
        const { signal } = controller;
        const { outcome: said } = await outcome(limiter.consume('ada', 'tokens', { cost: 100, signal }));
        controller.abort();
        expect(said).toBe('allowed');
        expect((await peek('ada', 'tokens')).remaining).toBe(900);
      });
    });
  });
}
