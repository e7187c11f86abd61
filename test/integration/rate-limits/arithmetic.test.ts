import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RateLimit } from '../../../src/config/rate-limit-config.js';
import { standingOfLevel } from '../../../src/rate-limits/gcra.js';
import { ADJUST, CHARGE, SPEND_GCRA } from '../../../src/rate-limits/limit-scripts.js';
import type { Charge } from '../../../src/rate-limits/limit-store.js';
import { MemoryLimits } from '../../../src/rate-limits/memory-limits.js';
import { makeRule } from '../../../src/rate-limits/rule.js';

let redis: Redis;
beforeAll(() => {
  redis = new Redis(inject('redisUrl'));
});
afterAll(() => redis.disconnect());

/**
 * The script with its time as its last two arguments, in seconds and microseconds. What it keeps lives a thousand times
 * longer, since the time of Redis itself goes on between two steps that are meant to be at once.
 */
const timed = (lua: string) =>
  lua.replace("redis.call('TIME')", '{ARGV[#ARGV - 1], ARGV[#ARGV]}').replaceAll("'PX'", "'EX'");
const SCRIPTS = { charge: timed(CHARGE.lua), adjust: timed(ADJUST.lua), gcra: timed(SPEND_GCRA.lua) };

const rateLimit: fc.Arbitrary<RateLimit> = fc.oneof(
  fc.record(
    {
      limit: fc.integer({ min: 1, max: 100_000 }),
      windowSeconds: fc.integer({ min: 10, max: 1_000_000 }),
      burst: fc.integer({ min: 1, max: 30 }),
    },
    { requiredKeys: ['limit', 'windowSeconds'] },
  ),
  fc.record({
    limit: fc.integer({ min: 1, max: 1_000 }),
    windowSeconds: fc.integer({ min: 10, max: 1_000_000 }),
    algorithm: fc.constant('sliding-window' as const),
  }),
);

const step = fc.record({
  // Of the window, so that steps end within, at and beyond its bounds.
  passed: fc.oneof(
    fc.constant(0),
    fc.double({ min: 0, max: 2.5, noNaN: true }),
    fc.constantFrom(1, 2, -0.01),
  ),
  kind: fc.constantFrom('charge', 'charge', 'charge', 'ask', 'adjust'),
  shares: fc.array(fc.double({ min: 0, max: 1.2, noNaN: true }), { minLength: 2, maxLength: 2 }),
});

describe('the scripts and the counting in memory', () => {
  it('give the same answers to the same calls at the same times', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(rateLimit, rateLimit),
        fc.array(step, { minLength: 1, maxLength: 25 }),
        async (limits, steps) => {
          const rules = limits.map((limit, index) => makeRule(limit, `rule${index}`));
          const prefix = `test:${randomUUID()}`;
          const places = rules.map(({ id }) => `${prefix}:{k}${id}`);
          // In milliseconds with a fraction that a double holds exactly.
          let nowMicros = 1_800_000_000_123_456;
          const memory = new MemoryLimits({ clock: () => nowMicros / 1_000 });
          const time = () => [Math.floor(nowMicros / 1_000_000), nowMicros % 1_000_000];

          for (const { passed, kind, shares } of steps) {
            nowMicros += Math.round(passed * (limits[0]?.windowSeconds ?? 1) * 1_000) * 1_000;
            const charges = rules.map((rule, index): Charge => {
              const cost = Math.max(
                1,
                Math.min(rule.capacity, Math.round((shares[index] ?? 0) * rule.capacity)),
              );
              return { rule, cost };
            });
            const argumentsOf = ({ rule, cost }: Charge) => [
              rule.algorithm,
              rule.spanMicros,
              rule.capacity,
              cost,
            ];
            if (kind === 'adjust') {
              const [first] = charges;
              if (first === undefined) continue;
              const charge = {
                ...first,
                cost: first.cost * (shares[1] !== undefined && shares[1] < 0.5 ? -1 : 1),
              };
              await redis.eval(SCRIPTS.adjust, 1, places[0] ?? '', ...argumentsOf(charge), ...time());
              await memory.adjust('k', charge);
              continue;
            }
            const isDry = kind === 'ask';
            const standings = await memory.charge('k', charges, isDry);
            if (!isDry && rules.every(({ algorithm }) => algorithm === 'gcra')) {
              const levels = (await redis.eval(
                SCRIPTS.gcra,
                charges.length,
                ...places,
                ...charges.flatMap(({ rule, cost }) => [
                  rule.capacity * rule.spanMicros,
                  cost * rule.spanMicros,
                ]),
                ...time(),
              )) as number[];
              expect(
                charges.map(({ rule, cost }, index) =>
                  standingOfLevel(levels[index] ?? Number.NaN, rule, cost),
                ),
              ).toEqual(standings);
              continue;
            }
            const reply = (await redis.eval(
              SCRIPTS.charge,
              charges.length,
              ...places,
              isDry ? 0 : 1,
              ...charges.flatMap(argumentsOf),
              ...time(),
            )) as number[];
            expect(reply).toEqual(
              standings.flatMap(({ retryMicros, remaining, resetMicros }) => [
                retryMicros,
                remaining,
                resetMicros,
              ]),
            );
          }
          await redis.del(...places);
        },
      ),
      { numRuns: 300 },
    );
  });
});
