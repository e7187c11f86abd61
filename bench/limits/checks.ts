import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RedisServer } from '../../test/support/redis-server.js';

/** A limiter as the checks use it: each call gives one that shares its counts with the others of its name. */
export interface Contender {
  readonly name: string;
  /** `promise`: at most so many in any window. */
  open(promise: number, windowSeconds: number, prefix: string): Promise<OpenLimiter>;
}

export interface OpenLimiter {
  consume(key: string, cost?: number): Promise<boolean>;
  close(): Promise<void>;
}

interface Check {
  readonly name: string;
  /** What was found, and whether it is right. */
  run(contender: Contender, server: RedisServer): Promise<{ found: string; isRight: boolean }>;
}

const passes = async (limiter: OpenLimiter, calls: number, key: string) => {
  const answers = await Promise.all(Array.from({ length: calls }, () => limiter.consume(key)));
  return answers.filter(Boolean).length;
};

async function withLimiter<T>(
  contender: Contender,
  [promise, windowSeconds]: [number, number],
  work: (limiter: OpenLimiter, prefix: string) => Promise<T>,
): Promise<T> {
  const prefix = `check-${randomUUID()}`;
  const limiter = await contender.open(promise, windowSeconds, prefix);
  try {
    return await work(limiter, prefix);
  } finally {
    await limiter.close();
  }
}

const CHECKS: readonly Check[] = [
  {
    name: '200 calls at once, 10 an hour',
    run: (contender) =>
      withLimiter(contender, [10, 3_600], async (limiter) => {
        const passed = await passes(limiter, 200, 'k');
        // A bound of `limit + burst` in a window, so what passes at once may be less.
        return { found: `${passed} pass`, isRight: passed > 0 && passed <= 10 };
      }),
  },
  {
    name: '10 a second, around the end of a window',
    run: (contender) =>
      withLimiter(contender, [10, 1], async (limiter) => {
        const times: number[] = [];
        const spend = async (calls: number) => {
          const passed = await passes(limiter, calls, 'k');
          for (let call = 0; call < passed; call += 1) times.push(performance.now());
        };
        // Into a calendar second, too, for those that count by it.
        await sleep(1_000 - (Date.now() % 1_000) + 100);
        await spend(1);
        await sleep(800);
        await spend(20);
        await sleep(270);
        await spend(20);
        const most = Math.max(
          ...times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length),
        );
        return { found: `${most} in a second`, isRight: most <= 10 };
      }),
  },
  {
    name: 'what is refused spends nothing',
    run: (contender) =>
      withLimiter(contender, [20, 3_600], async (limiter) => {
        await limiter.consume('k', 6);
        const refused = !(await limiter.consume('k', 18).catch(() => false));
        const small = await limiter.consume('k', 2);
        return {
          found: small ? 'a small cost still passes' : 'a small cost is refused, too',
          isRight: refused && small,
        };
      }),
  },
  {
    name: 'clocks 10 s apart, 10 in 10 s',
    run: (contender) =>
      withLimiter(contender, [10, 10], async (limiter) => {
        const now = Date.now;
        let passed = 0;
        try {
          for (const skewMs of [-5_000, 5_000, 15_000]) {
            Date.now = () => now() + skewMs;
            passed += await passes(limiter, 20, 'k');
          }
        } finally {
          Date.now = now;
        }
        return { found: `${passed} pass`, isRight: passed <= 10 };
      }),
  },
  {
    name: 'half a second: every key ends by itself',
    run: (contender, server) =>
      withLimiter(contender, [10, 0.5], async (limiter, prefix) => {
        const before = await limiter.consume('k').then(
          () => '',
          () => 'refused',
        );
        if (before !== '') return { found: before, isRight: true };
        const redis = new Redis(server.url);
        const lives = await Promise.all((await redis.keys(`${prefix}*`)).map((name) => redis.pttl(name)));
        redis.disconnect();
        const forever = lives.filter((life) => life === -1).length;
        return { found: forever === 0 ? 'yes' : `${forever} without an end`, isRight: forever === 0 };
      }),
  },
  {
    name: 'Redis hangs: an answer within a second',
    run: (contender, server) =>
      withLimiter(contender, [10, 3_600], async (limiter) => {
        await limiter.consume('k');
        server.stopProcess();
        const startedAt = performance.now();
        const answer = await Promise.race([
          limiter.consume('k').then(
            (passed) => (passed ? 'passes' : 'refused'),
            () => 'error',
          ),
          sleep(8_000).then(() => 'none'),
        ]);
        const ms = performance.now() - startedAt;
        server.continueProcess();
        return {
          found: answer === 'none' ? 'none in 8 s' : `${answer} after ${Math.round(ms)} ms`,
          isRight: ms < 1_000,
        };
      }),
  },
];

/** The same questions to all, as rows of a table. */
export async function runChecks(
  contenders: readonly Contender[],
  server: RedisServer,
): Promise<{ rows: Record<string, string>[]; wrong: ReadonlyMap<string, number> }> {
  const wrong = new Map(contenders.map(({ name }) => [name, 0]));
  const rows: Record<string, string>[] = [];
  for (const check of CHECKS) {
    const row: Record<string, string> = { check: check.name };
    for (const contender of contenders) {
      const { found, isRight } = await check.run(contender, server);
      row[contender.name] = `${isRight ? 'ok' : 'FAIL'}: ${found}`;
      if (!isRight) wrong.set(contender.name, (wrong.get(contender.name) ?? 0) + 1);
    }
    rows.push(row);
  }
  return { rows, wrong };
}
