import type { CallsMade } from '../cache-races/caller-run.js';
import { type Measurement, percentile } from '../harness/measure.js';
import { atLeast, atMost, bestOf, type Gate, type Ratio, ratioOf, type Table } from '../harness/report.js';
import type { Throughput } from '../harness/throughput.js';
import type { ExpiryWave } from './expiry-wave.js';
import type { HitRatio } from './hit-ratios.js';
import type { MemoryHits } from './memory-hits.js';
import type { Outage } from './outages.js';
import { FLOORS } from './redis-reads.js';
import { STORE } from './store-cache.js';
import type { TaggedHits } from './tagged-hits.js';

export interface CacheResults {
  readonly memory: MemoryHits;
  readonly tagged: TaggedHits;
  readonly redis: readonly Throughput[];
  readonly batches: readonly Measurement[];
  readonly waves: readonly ExpiryWave[];
  readonly stampedes: readonly (CallsMade & { readonly cache: string })[];
  readonly hitRatios: readonly HitRatio[];
  readonly outages: readonly (
    | Outage
    | { readonly cache: string; readonly fault: string; readonly ended: string }
  )[];
}

export const HIT_RATIO_TABLE = 'what memory answers, at equal bytes';
const THROUGHPUT_TABLE = 'reads a second that memory does not answer';

export function judge(results: CacheResults): {
  readonly ratios: readonly Ratio[];
  readonly gates: readonly Gate[];
  readonly tables: readonly Table[];
} {
  const { memory, tagged, redis, batches } = results;
  const hits = memory.calls.flatMap((measured) =>
    othersIn(measured).map((other) => gainOver(other, measured)),
  );
  const peeks = memory.peeks.map((measured) => ratioOf(measured, STORE, 'lru-cache', 'lowest'));
  const tags = ratioOf(tagged.measurement, `${STORE}, tagged`, `${STORE}, untagged`, 'lowest');
  const reads = redis.flatMap((measured) =>
    candidatesOf(measured.rounds)
      .filter((other) => other !== STORE)
      .map((other) => throughputRatio(measured, other)),
  );
  const gains = batches.flatMap((measured) => othersIn(measured).map((other) => gainOver(other, measured)));
  return {
    ratios: [...hits, ...peeks, tags, ...reads, ...gains],
    gates: [
      ...hits.flatMap((ratio) => {
        const goal = HIT_GOALS[ratio.of];
        return goal === undefined ? [] : [atLeast(ratio, goal)];
      }),
      // At least 70 of 100 calls in the same time.
      ...peeks.map((ratio) => atMost(ratio, 1 / 0.7)),
      atMost(tags, 1.1),
      ...tagged.commands
        .filter(({ cache }) => cache === STORE)
        .map(({ commandsPerThousand }) => exactly('commands for 1,000 tagged hits', commandsPerThousand, 0)),
      ...reads.filter(({ to }) => to === FLOORS.json).map((ratio) => atLeast(ratio, 0.9)),
      ...gains.map((ratio) => atLeast(ratio, 5)),
      ...judgeWave(results),
      ...judgeOutages(results),
    ],
    tables: [
      { title: THROUGHPUT_TABLE, rows: redis.flatMap(throughputRows) },
      { title: HIT_RATIO_TABLE, rows: results.hitRatios },
      { title: 'what Redis is asked for tagged hits in memory', rows: tagged.commands },
      { title: 'a wave of expiries', rows: results.waves },
      { title: 'a stampede: 4 processes × 50 callers, a load of 100 ms', rows: results.stampedes },
      ...results.outages.map((outage) => ({
        title: `without Redis for 5 s: ${outage.cache}`,
        rows: [outage],
      })),
    ],
  };
}

const HIT_GOALS: Readonly<Record<string, number>> = { bentocache: 10, 'layered-loader': 1 };

function othersIn({ rounds }: Measurement): readonly string[] {
  return candidatesOf(rounds).filter((candidate) => candidate !== STORE);
}

function candidatesOf(rounds: readonly ReadonlyMap<string, unknown>[]): readonly string[] {
  return [...(rounds[0]?.keys() ?? [])];
}

function gainOver(other: string, measured: Measurement): Ratio {
  return ratioOf(measured, other, STORE, 'highest');
}

function throughputRatio({ operation, rounds }: Throughput, to: string): Ratio {
  const ratios = rounds.map((round) => (round.get(STORE) ?? 0) / (round.get(to) ?? Number.NaN));
  return {
    operation: `${operation}, a second`,
    of: STORE,
    to,
    best: bestOf(ratios, 'highest'),
    rounds: ratios,
  };
}

function throughputRows({ operation, clients, rounds }: Throughput): object[] {
  return candidatesOf(rounds).map((cache) => ({
    operation,
    inFlight: clients,
    cache,
    perSecond: percentile(
      rounds.map((round) => round.get(cache) ?? Number.NaN),
      0.5,
    ),
  }));
}

function judgeWave({ waves, stampedes }: CacheResults): Gate[] {
  return [
    ...waves
      .filter(({ cache }) => cache === STORE)
      .flatMap(({ keys, loads, calmP99Ms, waveP99Ms }) => [
        exactly('loads for the wave of expiries', loads, keys),
        below('p99 in the wave of expiries ÷ before it', waveP99Ms / calmP99Ms, 2),
      ]),
    ...stampedes
      .filter(({ cache }) => cache === STORE)
      .map(({ loads }) => exactly('loads for the stampede', loads, 1)),
  ];
}

function judgeOutages({ outages }: CacheResults): Gate[] {
  return outages
    .filter(({ cache }) => cache === STORE)
    .flatMap((outage) => {
      const of = (what: string) => `Redis ${outage.fault} for 5 s: ${what}`;
      if ('ended' in outage) return [exactly(of('processes that ended'), 1, 0)];
      return [
        exactly(of('rejected reads'), outage.rejected + outage.unanswered, 0),
        // A machine with other work delays a bare load, too, and that is none of the cache's.
        below(of('p99 after 100 ms, over that of loads alone, ms'), outage.p99Ms - outage.loadP99Ms, 10),
        below(of('in use again, ms'), outage.backInRedisMs, 1_500),
      ];
    });
}

function exactly(name: string, value: number, goal: number): Gate {
  return { name, value, goal: `${goal}`, pass: value === goal };
}

function below(name: string, value: number, goal: number): Gate {
  return { name, value, goal: `≤ ${goal}`, pass: value <= goal };
}
