import { type Measurement, percentile } from '../harness/measure.js';
import {
  atLeast,
  atMost,
  bestOf,
  type Gate,
  mean,
  p95,
  type Ratio,
  ratioOf,
  type Table,
  timingsOf,
} from '../harness/report.js';
import type { Throughput } from '../harness/throughput.js';
import type { Plan } from './plans.js';
import type { RecallRow } from './recall-stages.js';
import type { MeasuredClass } from './speed.js';

export interface SearchResults {
  /** Goals against the others are for scopes of these sizes, not for those of the sample. */
  readonly isWhole: boolean;
  readonly classes: readonly MeasuredClass[];
  /** The store by one strategy each. */
  readonly strategies: readonly MeasuredClass[];
  readonly uniform: Measurement;
  readonly heavy: Measurement;
  readonly throughputs: readonly Throughput[];
  readonly recall: readonly RecallRow[];
  readonly shortPages: { readonly searches: number; readonly short: number };
  readonly cliff: readonly Ratio[];
  /** The control: that such a cliff is there, and would be seen. */
  readonly cliffOfPlain: readonly Ratio[];
  readonly threshold: readonly Measurement[];
  readonly plans: readonly Plan[];
}

export const STRATEGIES_TABLE = 'the strategies of the store, each for every size';
export const STAGES_TABLE = 'quality of the store, as rows come and go';
export const QUALITY_TABLE = 'quality of the answers that were timed';

const MAX_ROUND_TRIPS = [
  { upTo: 100, ratio: 2 },
  { upTo: 2_000, ratio: 8 },
  { upTo: Number.POSITIVE_INFINITY, ratio: 20 },
];
const MAX_BUFFERS = { upTo: 2_000, pages: 300 };
export const MIN_RECALL = 0.99;

export function judge(results: SearchResults): { ratios: Ratio[]; gates: Gate[]; tables: Table[] } {
  const { classes, uniform, cliff, threshold } = results;
  const roundTrips = classes.map(({ measurement }) => ratioOf(measurement, 'store', 'select 1', 'lowest'));
  const overhead = classes.map(({ measurement }) => ratioOf(measurement, 'store', 'pg', 'lowest'));
  const unmet = threshold.map((measured) => ({
    ...ratioOf(measured, 'met by none', 'met by all', 'lowest', p95),
    operation: `${measured.operation}, threshold, p95`,
  }));
  const { ratios: gains, gates: gainGates } = judgeGains(results);
  return {
    ratios: [...roundTrips, ...overhead, ...gains, ...cliff, ...results.cliffOfPlain, ...unmet],
    gates: [
      ...judgeRecall(results),
      ...(results.isWhole ? gainGates : []),
      ...roundTrips.map((ratio, index) => {
        const rows = classes[index]?.rows ?? 0;
        return atMost(ratio, MAX_ROUND_TRIPS.find(({ upTo }) => rows <= upTo)?.ratio ?? Number.NaN);
      }),
      ...overhead.map((ratio) => atMost(ratio, 1.05)),
      ...judgeCpu(uniform),
      ...judgeBuffers(results.plans),
      ...cliff.map((ratio) => atMost(ratio, 1.1)),
      ...unmet.map((ratio) => atMost(ratio, 1.5)),
    ],
    tables: [
      { title: QUALITY_TABLE, rows: classes.flatMap(qualitiesOf) },
      { title: STRATEGIES_TABLE, rows: results.strategies.flatMap(strategyRows) },
      { title: STAGES_TABLE, rows: results.recall },
      { title: 'searches a second', rows: results.throughputs.flatMap(throughputRows) },
      { title: 'plans, after seven searches', rows: results.plans },
      { title: 'users of all sizes', rows: [uniform, results.heavy].flatMap(timingsOf) },
    ],
  };
}

/** How much more the store does than each of the others. */
function judgeGains({ uniform, heavy, throughputs }: SearchResults): { ratios: Ratio[]; gates: Gate[] } {
  const others = [...(uniform.rounds[0]?.keys() ?? [])].filter((name) => !FLOORS.includes(name));
  const oneClient = [uniform, heavy].flatMap((measured) =>
    others.map((other) => ({
      ...ratioOf(measured, other, 'store', 'highest', mean),
      operation: `${measured.operation}, time of all`,
    })),
  );
  const manyClients = throughputs.flatMap((measured) =>
    others.map((other) => throughputRatio(measured, other)),
  );
  const tails = others.map((other) => ({
    ...ratioOf(uniform, other, 'store', 'highest', p95),
    operation: 'uniform mix, p95',
  }));
  const ratios = [...oneClient, ...manyClients, ...tails];
  const gates = ratios.flatMap((ratio) => {
    const goal = goalOf(ratio);
    return goal === undefined ? [] : [atLeast(ratio, goal)];
  });
  return { ratios, gates };
}

const FLOORS = ['store', 'pg', 'select 1'];

function goalOf({ operation, of, to }: Ratio): number | undefined {
  const other = of === 'store' ? to : of;
  if (operation === 'uniform mix, p95') return other === 'adr' ? 50 : undefined;
  if (other === 'adr') return operation.startsWith('uniform') ? 15 : 40;
  return operation.startsWith('uniform') && EQUAL_RECALL.includes(other) ? 8 : undefined;
}

/** The peers in the form in which they find what the store finds. */
const EQUAL_RECALL = ['langchain, exact', 'mastra'];

function throughputRatio({ operation, clients, rounds }: Throughput, other: string): Ratio {
  const ratios = rounds.map((round) => (round.get('store') ?? 0) / (round.get(other) ?? Number.NaN));
  return {
    operation: `${operation}, a second, ${clients} clients`,
    of: 'store',
    to: other,
    best: bestOf(ratios, 'highest'),
    rounds: ratios,
  };
}

function judgeRecall({ classes, recall, shortPages }: SearchResults): Gate[] {
  const timed = classes.map(({ rows, quality }) => ({ rows, recall: quality.get('store')?.recall ?? 0 }));
  const lowest = (found: readonly { readonly recall: number }[]) =>
    Math.min(...found.map((one) => one.recall));
  const gate = (name: string, value: number) => ({
    name: `recall@10, ${name}`,
    value,
    goal: `≥ ${MIN_RECALL}`,
    pass: value >= MIN_RECALL,
  });
  const stages = [...new Set(recall.map(({ dimensions, stage }) => `${dimensions} dimensions, ${stage}`))];
  return [
    ...timed.map((one) => gate(`${one.rows} rows`, one.recall)),
    ...stages.map((stage) =>
      gate(
        `${stage}, lowest of all sizes`,
        lowest(recall.filter((row) => stage === `${row.dimensions} dimensions, ${row.stage}`)),
      ),
    ),
    {
      name: `short pages of ${shortPages.searches} random searches`,
      value: shortPages.short,
      goal: '0',
      pass: shortPages.short === 0,
    },
  ];
}

function judgeCpu({ rounds }: Measurement): Gate[] {
  const cpu = (name: string) =>
    rounds.map((round) => {
      const samples = round.get(name);
      return (samples?.cpuMicroseconds ?? Number.NaN) / (samples?.milliseconds.length ?? 0);
    });
  const [store, raw] = [cpu('store'), cpu('pg')];
  const over = Math.min(...store.map((value, index) => value - (raw[index] ?? Number.NaN)));
  const own = Math.min(...store) / 1_000;
  return [
    { name: 'CPU of the store over pg, µs a search', value: over, goal: '≤ 50', pass: over <= 50 },
    { name: 'CPU of the store, ms a search', value: own, goal: '≤ 0.35', pass: own <= 0.35 },
  ];
}

function judgeBuffers(plans: readonly Plan[]): Gate[] {
  const { upTo, pages } = MAX_BUFFERS;
  return plans
    .filter(({ way, rows }) => way === 'store' && rows <= upTo)
    .map(({ rows, buffers }) => ({
      name: `pages a search, ${rows} rows`,
      value: buffers,
      goal: `≤ ${pages}`,
      pass: buffers <= pages,
    }));
}

function qualitiesOf({ rows, quality }: MeasuredClass): object[] {
  return [...quality].flatMap(([way, one]) => (way === 'select 1' ? [] : { rows, way, ...one }));
}

function strategyRows({ rows, measurement, quality }: MeasuredClass): object[] {
  return timingsOf(measurement).map(({ candidate, samples, p50Ms, p95Ms }) => {
    const { recall, shortPages } = quality.get(candidate) ?? { recall: Number.NaN, shortPages: Number.NaN };
    return { rows, strategy: candidate, samples, p50Ms, p95Ms, recall, shortPages };
  });
}

function throughputRows({ operation, clients, rounds }: Throughput): object[] {
  return [...(rounds[0]?.keys() ?? [])].map((way) => ({
    operation,
    clients,
    way,
    perSecond: percentile(
      rounds.map((round) => round.get(way) ?? Number.NaN),
      0.5,
    ),
  }));
}
