import { Redis } from 'ioredis';
import { SPEND_GCRA } from '../src/rate-limits/limit-scripts.js';
import { startRedisServer } from '../test/support/redis-server.js';
import { loadLibrary, loadPeer, versionOf } from './harness/environment.js';
import { atLeast, type Ratio, type Report } from './harness/report.js';
import { type Contender, runChecks } from './limits/checks.js';
import type { LimiterPeers } from './limits/peer-ports.js';
import { median, type Pace, race, type Way } from './limits/speed.js';

export const name = 'limits';

const OURS = '@macro-ai/store';
const FLEXIBLE = 'rate-limiter-flexible';
const ONE_TRIP = 'one trip';
const FIVE_CALLS = 'five calls, each when the one before has passed';
const USERS = 500;
const NEVER_REACHED = 1_000_000;
const FIVE = ['first', 'second', 'third', 'fourth', 'fifth'] as const;

export async function run(): Promise<Report> {
  const server = await startRedisServer();
  const redis = new Redis(server.url);
  redis.on('error', () => {});
  const { createMacroStore } = await loadLibrary();
  const peers = await loadPeer<LimiterPeers>('rate-limiters.ts');
  const big = { limit: NEVER_REACHED, windowSeconds: 3_600 };
  const store = createMacroStore({
    redis: { url: server.url, commandTimeoutMillis: 5_000 },
    rateLimits: {
      big,
      one: { limit: 1, windowSeconds: 3_600 },
      ...{ first: big, second: big, third: big, fourth: big, fifth: big },
    },
  });
  try {
    const { rateLimiter } = store;
    const user = (call: number) => `user${call % USERS}`;
    const flexible = (limit: number, blocksInMemory = false) =>
      peers.openFlexible({
        redis,
        prefix: `f${limit}${blocksInMemory}`,
        limit,
        windowSeconds: 3_600,
        blocksInMemory,
      });
    const [open, reached, blocking] = [flexible(NEVER_REACHED), flexible(1), flexible(1, true)];
    await redis.script('LOAD', SPEND_GCRA.lua);
    const span = (big.windowSeconds * 1_000_000) / big.limit;

    const five: Way[] = [
      { name: ONE_TRIP, run: (call) => rateLimiter.consumeAll(user(call), FIVE) },
      {
        name: FIVE_CALLS,
        run: async (call) => {
          for (const limit of FIVE) await rateLimiter.consume(user(call), limit);
        },
      },
    ];

    const paces = [
      await race({
        operation: 'a call that passes',
        callsARound: 4_000,
        ways: [
          {
            name: 'raw EVALSHA',
            run: (call) =>
              redis.evalsha(SPEND_GCRA.hash, 1, `limit:{${user(call)}}raw`, big.limit * span, span),
          },
          { name: OURS, run: (call) => rateLimiter.consume(user(call), 'big') },
          { name: FLEXIBLE, run: (call) => open.consume(user(call)) },
        ],
      }),
      await race({
        operation: 'a call that is limited, nobody remembers',
        callsARound: 4_000,
        ways: [
          { name: OURS, run: () => rateLimiter.consume('denied', 'one') },
          { name: FLEXIBLE, run: () => reached.consume('denied') },
        ],
      }),
      await race({
        operation: 'a call that is limited, both remember',
        callsARound: 30_000,
        ways: [
          { name: OURS, run: () => rateLimiter.consume('denied', 'one') },
          { name: FLEXIBLE, run: () => blocking.consume('denied') },
        ],
      }),
      await race({ operation: 'five limits of one key', callsARound: 800, ways: five }),
      await race({ operation: 'five limits, one caller', callsARound: 100, inFlight: 1, ways: five }),
    ].flat();

    const ratios = [
      ratioOf(paces, 'a call that passes', OURS, 'raw EVALSHA'),
      ratioOf(paces, 'a call that passes', OURS, FLEXIBLE),
      ratioOf(paces, 'a call that is limited, nobody remembers', OURS, FLEXIBLE),
      ratioOf(paces, 'a call that is limited, both remember', OURS, FLEXIBLE),
      ratioOf(paces, 'five limits, one caller', ONE_TRIP, FIVE_CALLS),
      ratioOf(paces, 'five limits of one key', ONE_TRIP, FIVE_CALLS),
    ];
    const contenders: Contender[] = [
      {
        name: OURS,
        async open(promise, windowSeconds, keyPrefix) {
          const one = createMacroStore({ redis: { url: server.url, keyPrefix } });
          // In any window less than `limit + burst`.
          const limit = { limit: promise / 2, windowSeconds, burst: promise / 2 };
          await one.rateLimiter.peek('connect', limit);
          return {
            consume: async (key, cost = 1) => {
              const outcome = await one.rateLimiter.consume(key, limit, { cost });
              return outcome.isOk() && outcome.value.allowed;
            },
            close: () => one.close(),
          };
        },
      },
      peerContender(FLEXIBLE, peers.openFlexible, redis),
      peerContender('@upstash/ratelimit', peers.openUpstash, redis),
    ];
    const { rows, wrong } = await runChecks(contenders, server);

    return {
      suite: name,
      data: { inFlight: 64, users: USERS },
      versions: {
        node: process.versions.node,
        ioredis: versionOf('ioredis'),
        [FLEXIBLE]: versionOf(FLEXIBLE, 'peers'),
        '@upstash/ratelimit': versionOf('@upstash/ratelimit', 'peers'),
      },
      results: paces.map(({ rounds, ...pace }) => pace),
      tables: [{ title: 'The same checks, run against each', rows }],
      ratios,
      gates: [
        ...[0.95, 1, 10, 1, 4].flatMap((goal, index) => {
          const ratio = ratios[index];
          return ratio === undefined ? [] : [atLeast(ratio, goal)];
        }),
        {
          name: `${OURS}: checks failed`,
          value: wrong.get(OURS) ?? 0,
          goal: '0',
          pass: wrong.get(OURS) === 0,
        },
      ],
    };
  } finally {
    await store.close();
    redis.disconnect();
    await server.stop();
  }
}

/** By the rounds, in each of which the two ran right after each other; the median of them. */
function ratioOf(paces: readonly Pace[], operation: string, of: string, to: string): Ratio {
  const roundsOf = (way: string) =>
    paces.find((pace) => pace.operation === operation && pace.way === way)?.rounds ?? [];
  const rounds = roundsOf(of).map((rate, round) => rate / (roundsOf(to)[round] ?? Number.NaN));
  return { operation, of, to, best: median(rounds), rounds };
}

function peerContender(peer: string, open: LimiterPeers['openFlexible'], redis: Redis): Contender {
  return {
    name: peer,
    async open(promise, windowSeconds, prefix) {
      const limiter = open({ redis, prefix, limit: promise, windowSeconds });
      return { consume: limiter.consume, close: async () => undefined };
    },
  };
}
