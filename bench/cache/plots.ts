import { type Plot, renderPlot, type Series, type Theme } from '../harness/plot.js';
import type { Report, Timing } from '../harness/report.js';
import { HIT_RATIO_TABLE } from './gates.js';
import type { HitRatio } from './hit-ratios.js';
import { CALLS } from './memory-hits.js';
import { LRU } from './policies.js';
import { STORE } from './store-cache.js';

/** File name → document. Drawn from the report alone, so that one that was kept can be drawn again. */
export function cachePlots(report: Report): ReadonlyMap<string, string> {
  const ratios = (report.tables?.find(({ title }) => title === HIT_RATIO_TABLE)?.rows ??
    []) as readonly HitRatio[];
  const traces = [...new Set(ratios.map(({ trace }) => trace))];
  const plots: readonly (readonly [string, Plot])[] = [
    ['cache-memory-hit', memoryHitPlot(report)],
    ...traces.map((trace) => [`cache-hits-${trace}`, hitRatioPlot(ratios, trace)] as const),
  ];
  const themes: readonly Theme[] = ['light', 'dark'];
  return new Map(
    plots.flatMap(([name, plot]) =>
      themes.map((theme) => [`${name}-${theme}.svg`, renderPlot(plot, theme)] as const),
    ),
  );
}

function memoryHitPlot(report: Report): Plot {
  const points = (report.results as readonly Timing[]).flatMap(({ operation, candidate, p50Ms }) => {
    const [, kilobytes] = /^memory hit, ([\d.]+) kB, Zipf$/.exec(operation) ?? [];
    // Milliseconds of a thousand calls are microseconds of one.
    return kilobytes === undefined ? [] : { candidate, x: Number(kilobytes), y: (p50Ms * 1_000) / CALLS };
  });
  const names = [...new Set(points.map(({ candidate }) => candidate))];
  return {
    title: 'What a hit in memory costs',
    subtitle: 'Median of a read through the cache; lru-cache is its plain get, without a loader or a promise',
    x: {
      scale: 'log',
      ticks: [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b),
      unit: 'kB of JSON',
    },
    y: { scale: 'log', ticks: [0.1, 1, 10, 100, 1_000], unit: 'microseconds' },
    series: names.map(
      (name): Series => ({
        name,
        points: points.filter(({ candidate }) => candidate === name),
        ...(name === STORE && { weight: 'bold' }),
        ...(name === 'lru-cache' && { weight: 'faint' }),
      }),
    ),
  };
}

function hitRatioPlot(ratios: readonly HitRatio[], trace: string): Plot {
  const own = ratios.filter((ratio) => ratio.trace === trace);
  const policies = [...new Set(own.map(({ policy }) => policy))];
  return {
    title: `What memory answers: ${own[0]?.title ?? trace}`,
    subtitle: 'Share of the reads that find their value, at equal bytes',
    x: {
      scale: 'log',
      ticks: [...new Set(own.map(({ roomPercent }) => roomPercent))].sort((a, b) => a - b),
      unit: 'memory, in percent of all values',
    },
    y: { scale: 'linear', ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], unit: 'hit ratio' },
    series: policies.map(
      (policy): Series => ({
        name: policy === LRU ? STORE : policy,
        points: own
          .filter((ratio) => ratio.policy === policy)
          .map(({ roomPercent, hitRatio }) => ({ x: roomPercent, y: hitRatio })),
        ...(policy === LRU && { weight: 'bold' }),
      }),
    ),
  };
}
