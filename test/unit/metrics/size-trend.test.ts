import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SizeAt, sizeTrend } from '../../../src/metrics/growth/size-trend.js';
import { seededRandom } from '../../support/seeded-random.js';

const DAY = 86_400_000;
const GB = 1e9;

/** One a day, of what each day added to the first. */
function sizes(additions: readonly number[], start = 10 * GB): SizeAt[] {
  let bytes = start;
  return [start, ...additions.map((added) => (bytes += added))].map((size, day) => ({
    atMs: day * DAY,
    bytes: size,
  }));
}

const constant = (length: number, value: number) => Array.from({ length }, () => value);

function trendOf(points: readonly SizeAt[]) {
  const trend = sizeTrend(points);
  if (trend === null) throw new Error('no trend');
  return trend;
}

/** Of a normal distribution, by Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

describe('sizeTrend', () => {
  it('is the median of all slopes between points at most seven apart, as counted by hand', () => {
    const points = fc
      .array(fc.record({ days: fc.integer({ min: 1, max: 9 }), bytes: fc.nat(1e9) }), {
        minLength: 3,
        maxLength: 40,
      })
      .map((given) => {
        const daysUntil = (index: number) =>
          given.slice(0, index + 1).reduce((sum, { days }) => sum + days, 0);
        return given.map(({ bytes }, index) => ({ atMs: daysUntil(index) * DAY, bytes }));
      });
    fc.assert(
      fc.property(points, (given) => {
        const slopes: number[] = [];
        for (let one = 0; one < given.length; one += 1) {
          for (let other = one + 1; other < given.length && other <= one + 7; other += 1) {
            const [a, b] = [given[one] as SizeAt, given[other] as SizeAt];
            slopes.push(((b.bytes - a.bytes) * DAY) / (b.atMs - a.atMs));
          }
        }
        const { bytesPerDay } = trendOf(given);
        // A median: no more than half of them lie on either side of it.
        const slack = 1e-6 * Math.max(1, Math.abs(bytesPerDay));
        expect(slopes.filter((slope) => slope < bytesPerDay - slack).length).toBeLessThanOrEqual(
          slopes.length / 2,
        );
        expect(slopes.filter((slope) => slope > bytesPerDay + slack).length).toBeLessThanOrEqual(
          slopes.length / 2,
        );
      }),
    );
  });

  it('agrees with the regression line where days differ little, within its margin', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 90, max: 110 }), { minLength: 10, maxLength: 60 }),
        (additions) => {
          const points = sizes(additions);
          const mean = (of: (point: SizeAt) => number) =>
            points.reduce((sum, point) => sum + of(point), 0) / points.length;
          const [at, size] = [mean(({ atMs }) => atMs / DAY), mean(({ bytes }) => bytes)];
          const covariance = mean(({ atMs, bytes }) => (atMs / DAY - at) * (bytes - size));
          const regression = covariance / mean(({ atMs }) => (atMs / DAY - at) ** 2);
          expect(Math.abs(trendOf(points).bytesPerDay - regression)).toBeLessThanOrEqual(7);
        },
      ),
    );
  });

  it('finds a straight line, whether it rises, falls or lies, and is certain of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e8, max: 1e8 }), fc.integer({ min: 2, max: 100 }), (perDay, days) => {
        const { bytesPerDay, marginAfter } = trendOf(sizes(constant(days, perDay), 1e11));
        expect(bytesPerDay).toBeCloseTo(perDay, 3);
        expect(marginAfter(365)).toBeLessThan(1e-3 * Math.max(1, Math.abs(perDay)));
      }),
    );
  });

  it.each([
    ['an import', 50 * GB],
    ['a VACUUM FULL', -8 * GB],
  ])('bends little for %s on any one of 30 days, and its margin knows of it', (_what, step) => {
    const random = seededRandom(7);
    for (let day = 0; day < 30; day += 1) {
      const additions = Array.from({ length: 30 }, () => GB * (0.8 + 0.4 * random()));
      const without = trendOf(sizes(additions, 100 * GB));
      const { bytesPerDay, marginAfter } = trendOf(sizes(additions.with(day, step), 100 * GB));
      expect(Math.abs(bytesPerDay - GB)).toBeLessThan(0.1 * GB);
      // It may come again.
      expect(marginAfter(30)).toBeGreaterThan(Math.abs(step));
      expect(marginAfter(30)).toBeGreaterThan(3 * without.marginAfter(30));
    }
  });

  it('sees the mean of a week that has its rhythm', () => {
    const week = [1, 1, 1, 1, 1, 0, 0].map((share) => share * GB);
    const additions = Array.from({ length: 28 }, (_, day) => week[day % 7] ?? 0);
    expect(trendOf(sizes(additions)).bytesPerDay / GB).toBeCloseTo(5 / 7, 1);
  });

  it.each([3, 4, 5, 10, 30, 90])(
    'holds the size in 30 days nine times in ten, of %d snapshots whose days differ by chance',
    (snapshots) => {
      const random = seededRandom(snapshots);
      const runs = 2_000;
      let held = 0;
      for (let run = 0; run < runs; run += 1) {
        const days = Array.from({ length: snapshots - 1 + 30 }, () => 100 + 40 * normal(random));
        const all = sizes(days, 1e6);
        const known = all.slice(0, snapshots);
        const { bytesPerDay, marginAfter } = trendOf(known);
        const expected = (known.at(-1)?.bytes ?? 0) + 30 * bytesPerDay;
        if (Math.abs((all.at(-1)?.bytes ?? 0) - expected) <= marginAfter(30)) held += 1;
      }
      // 3.5 standard errors of such a share.
      expect(Math.abs(held / runs - 0.9)).toBeLessThan(0.025);
    },
  );

  it('has the widest margin with three points, and a wider one the further it looks', () => {
    const marginOf = (snapshots: number, days: number) =>
      trendOf(
        sizes(Array.from({ length: snapshots - 1 }, (_, day) => 100 + (day % 2 === 0 ? 20 : -20))),
      ).marginAfter(days);
    const margins = [3, 4, 5, 8, 12, 13, 30, 90].map((snapshots) => marginOf(snapshots, 30));
    expect(margins).toEqual([...margins].sort((one, other) => other - one));
    expect(marginOf(10, 0)).toBe(0);
    expect(marginOf(10, 60)).toBeGreaterThan(marginOf(10, 30));
  });

  it('tells nothing of fewer than three points, or of three within hours', () => {
    expect(sizeTrend([])).toBeNull();
    expect(sizeTrend(sizes([]))).toBeNull();
    expect(sizeTrend(sizes([GB]))).toBeNull();
    const hourly = sizes([1, 2, 3]).map(({ atMs, bytes }) => ({ atMs: atMs / 24, bytes }));
    expect(sizeTrend(hourly)).toBeNull();
    expect(sizeTrend(sizes([1, 2, 3]).map((point) => ({ ...point, atMs: 5 })))).toBeNull();
  });

  it('makes no slope of two points that lie seconds apart', () => {
    const points = sizes(constant(20, 100));
    const near = points.flatMap((point) => [point, { atMs: point.atMs + 1_000, bytes: point.bytes + 90 }]);
    const { bytesPerDay, marginAfter } = trendOf(near);
    expect(bytesPerDay).toBeGreaterThan(90);
    expect(bytesPerDay).toBeLessThan(110);
    expect(Number.isFinite(marginAfter(30))).toBe(true);
    expect(marginAfter(30)).toBeLessThan(500);
  });
});
