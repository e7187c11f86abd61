import { type Axis, type Plot, renderPlot, type Series, type Theme } from '../harness/plot.js';
import type { Report, Timing } from '../harness/report.js';
import { MIN_RECALL, QUALITY_TABLE, STAGES_TABLE, STRATEGIES_TABLE } from './gates.js';
import type { RecallRow } from './recall-stages.js';

/** File name → document. Drawn from the report alone, so that one that was kept can be drawn again. */
export function searchPlots(report: Report): ReadonlyMap<string, string> {
  const themes: readonly Theme[] = ['light', 'dark'];
  const plots = {
    'search-latency': latencyPlot(report),
    'search-recall': recallPlot(report),
    'search-strategies': strategiesPlot(report),
  };
  return new Map(
    Object.entries(plots).flatMap(([name, plot]) =>
      themes.map((theme) => [`${name}-${theme}.svg`, renderPlot(plot, theme)] as const),
    ),
  );
}

/** The names that readers know, in the order of their colours. */
const NAMES: Readonly<Record<string, Pick<Series, 'name' | 'weight'>>> = {
  store: { name: '@macro-ai/store', weight: 'bold' },
  'select 1': { name: 'empty round trip', weight: 'faint' },
  adr: { name: 'ADR, Drizzle' },
  drizzle: { name: 'Drizzle’s guide' },
  langchain: { name: 'LangChain' },
  'langchain, exact': { name: 'LangChain + btree' },
  mastra: { name: 'Mastra' },
  exact: { name: 'exact' },
  codes: { name: 'codes' },
  hnsw: { name: 'hnsw' },
};

function latencyPlot(report: Report): Plot {
  const timings = report.results as readonly Timing[];
  const points = timings.map(({ operation, candidate, p50Ms }) => ({
    way: candidate,
    x: Number.parseInt(operation, 10),
    y: p50Ms,
  }));
  return {
    title: 'How long a search takes',
    subtitle: `Median, for the ten nearest of 1,536 dimensions; ${tableSize(report)}`,
    x: sizesAxis(points),
    y: { scale: 'log', ticks: decades(points.map(({ y }) => y)), unit: 'milliseconds' },
    series: seriesOf(points),
  };
}

function recallPlot(report: Report): Plot {
  const timed = rowsOf<{ rows: number; way: string; recall: number }>(report, QUALITY_TABLE)
    .filter(({ way }) => way === 'store')
    .map(({ rows, recall }) => ({ way: '1,536 dimensions', x: rows, y: recall }));
  const staged = rowsOf<RecallRow>(report, STAGES_TABLE).map(({ dimensions, stage, rows, recall }) => ({
    way: `${dimensions.toLocaleString('en-US')}${stage === 'analyzed' ? ' dimensions' : `, ${stage.replace(' after ANALYZE', '')}`}`,
    x: rows,
    y: recall,
  }));
  const points = [...timed, ...staged];
  const names = [...new Set(points.map(({ way }) => way))];
  const goal = sizesAxis(points).ticks.map((x) => ({ way: 'goal', x, y: MIN_RECALL }));
  // What is to be seen is the last percent, unless something is worse than that.
  const isClose = Math.min(...points.map(({ y }) => y)) >= 0.98;
  return {
    title: 'How much of the right answer is found',
    subtitle: `Share of a user’s ten nearest vectors, mean of 200 searches and more; ${tableSize(report)}`,
    x: sizesAxis(points),
    y: {
      scale: 'linear',
      ticks: isClose ? [0.98, 0.985, 0.99, 0.995, 1] : [0, 0.2, 0.4, 0.6, 0.8, 1],
      unit: isClose ? 'recall@10 (the axis begins at 0.98)' : 'recall@10',
    },
    series: [
      { name: 'goal', weight: 'faint', points: goal },
      ...names.map(
        (name, index): Series => ({
          name,
          points: points.filter(({ way }) => way === name),
          ...(index === 0 ? { weight: 'bold' } : {}),
        }),
      ),
    ],
  };
}

function strategiesPlot(report: Report): Plot {
  const timings = rowsOf<{ rows: number; strategy: string; p50Ms: number }>(report, STRATEGIES_TABLE);
  const points = timings.map(({ rows, strategy, p50Ms }) => ({ way: strategy, x: rows, y: p50Ms }));
  return {
    title: 'Each strategy for every size, and what the store chooses',
    subtitle: `Median, for the ten nearest of 1,536 dimensions; ${tableSize(report)}`,
    x: sizesAxis(points),
    y: { scale: 'log', ticks: decades(points.map(({ y }) => y)), unit: 'milliseconds' },
    series: seriesOf(points),
  };
}

function rowsOf<Row>(report: Report, title: string): readonly Row[] {
  return (report.tables?.find((table) => table.title === title)?.rows ?? []) as readonly Row[];
}

function tableSize({ data }: Report): string {
  return `${Number(data['rows']).toLocaleString('en-US')} vectors in the table`;
}

interface Point {
  readonly way: string;
  readonly x: number;
  readonly y: number;
}

function seriesOf(points: readonly Point[]): Series[] {
  return Object.entries(NAMES).flatMap(([way, named]) => {
    const own = points.filter((point) => point.way === way).sort((a, b) => a.x - b.x);
    return own.length === 0 ? [] : { ...named, points: own };
  });
}

function sizesAxis(points: readonly Point[]): Axis {
  const ticks = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  return { scale: 'log', ticks, unit: 'vectors of the user' };
}

/** 0.1, 0.3, 1, 3, … around all values. */
function decades(values: readonly number[]): number[] {
  const steps = Array.from(
    { length: 12 },
    (_, index) => (index % 2 === 0 ? 1 : 3) * 10 ** (Math.floor(index / 2) - 2),
  );
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const first = steps.findLastIndex((step) => step <= low);
  const last = steps.findIndex((step) => step >= high);
  return steps.slice(Math.max(0, first), last + 1);
}
