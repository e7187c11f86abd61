import { describe, expect, it } from 'vitest';
import { type Plot, renderPlot } from '../../bench/harness/plot.js';

const plot = (with_: Partial<Plot> = {}): Plot => ({
  title: 'A title',
  subtitle: 'What it is of',
  x: { scale: 'log', ticks: [1, 10, 100], unit: 'rows' },
  y: { scale: 'linear', ticks: [0, 1], unit: 'share' },
  series: [{ name: 'one', points: [{ x: 1, y: 0 }] }],
  ...with_,
});

const attribute = (svg: string, pattern: RegExp) => [...svg.matchAll(pattern)].map(([, value]) => value);

describe('renderPlot', () => {
  it('puts points where the axes have their values', () => {
    const points = [
      { x: 1, y: 0 },
      { x: 10, y: 0.5 },
      { x: 100, y: 1 },
    ];
    const svg = renderPlot(plot({ series: [{ name: 'one', points }] }), 'light');
    const [left = 0, middle = 0, right = 0] = attribute(svg, /cx="([\d.]+)"/g).map(Number);
    const [bottom = 0, half = 0, top = 0] = attribute(svg, /cy="([\d.]+)"/g).map(Number);
    expect(middle - left).toBeCloseTo(right - middle, 0);
    expect(bottom - half).toBeCloseTo(half - top, 0);
    expect(bottom).toBeGreaterThan(top);
  });

  it('keeps the names of lines apart that end in one place', () => {
    const series = ['one', 'two', 'three'].map((name) => ({ name, points: [{ x: 100, y: 1 }] }));
    const svg = renderPlot(plot({ series }), 'light');
    const names = attribute(svg, /y="([\d.]+)" font-size="13" fill="#(?!59636e)/g).map(Number);
    const sorted = names.sort((a, b) => a - b);
    expect(sorted).toHaveLength(3);
    for (const [index, y] of sorted.slice(1).entries()) {
      expect(y - (sorted[index] ?? 0)).toBeGreaterThanOrEqual(15);
    }
  });

  it('escapes what names say', () => {
    const series = [{ name: '<a> & "b"', points: [{ x: 1, y: 1 }] }];
    expect(renderPlot(plot({ series }), 'dark')).toContain('&lt;a> &amp; &quot;b&quot;');
  });
});
