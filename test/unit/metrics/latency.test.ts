import { describe, expect, it } from 'vitest';
import { Alarm } from '../../../src/metrics/alarm.js';
import { LatencyHistogram, MAX_RELATIVE_ERROR } from '../../../src/metrics/latency-histogram.js';
import { LatencyWindow } from '../../../src/metrics/latency-window.js';
import { RatioWindow } from '../../../src/metrics/ratio-window.js';
import { seededRandom } from '../../support/seeded-random.js';

describe('LatencyHistogram', () => {
  it('is never below the true percentile, and above it by its relative error at most', () => {
    const next = seededRandom(6);
    for (let round = 0; round < 200; round += 1) {
      const histogram = new LatencyHistogram();
      const count = 1 + Math.floor(next() * 500);
      const values = Array.from({ length: count }, () => 0.001 * 10 ** (next() * 8));
      for (const value of values) histogram.record(value);
      values.sort((one, other) => one - other);
      for (const share of [0.5, 0.95, 0.99, 1]) {
        const exact = values[Math.ceil(share * count) - 1] ?? 0;
        const found = histogram.percentile(share) ?? 0;
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found).toBeLessThanOrEqual(exact * (1 + MAX_RELATIVE_ERROR) + 1e-9);
      }
    }
  });

  it('has no percentile without values, and takes zero and more than half an hour for its first and last bucket', () => {
    const histogram = new LatencyHistogram();
    expect(histogram.percentile(0.5)).toBeNull();
    histogram.record(0);
    expect(histogram.percentile(0.5)).toBeLessThan(0.002);
    histogram.record(1e9);
    expect(histogram.percentile(1)).toBe(2 ** 21);
  });
});

describe('LatencyWindow', () => {
  it('forgets what is older than the window, also after a long silence', () => {
    let now = 1_000_000;
    const window = new LatencyWindow(12_000, () => now);
    for (let index = 0; index < 20; index += 1) window.record(400);
    expect(window.percentile(0.95, 20)).toBeGreaterThanOrEqual(400);
    expect(window.percentile(0.95, 21)).toBeNull();
    now += 6_000;
    for (let index = 0; index < 20; index += 1) window.record(1);
    expect(window.percentile(0.95, 20)).toBeGreaterThanOrEqual(400);
    now += 6_000;
    expect(window.percentile(0.95, 20)).toBeLessThan(1.1);
    now += 1_000_000;
    expect(window.percentile(0.95, 1)).toBeNull();
  });
});

describe('RatioWindow', () => {
  it('gives the share of the window alone', () => {
    let now = 0;
    const window = new RatioWindow(10_000, () => now);
    expect(window.next(0, 0, 1)).toBeNull();
    now = 1_000;
    expect(window.next(90, 100, 1)).toBe(0.9);
    now = 11_000;
    expect(window.next(90, 200, 1)).toBe(0);
    now = 22_000;
    expect(window.next(90, 200, 1)).toBeNull();
  });
});

describe('Alarm', () => {
  it('fires after three breaches in a row, once, and recovers after three good ones', () => {
    const alarm = new Alarm(3);
    const notes = [true, true, true, true, false, false, false, false].map((value) => alarm.note(value));
    expect(notes).toEqual([null, null, 'fired', null, null, null, 'recovered', null]);
  });

  it('says nothing of a value that swings, and keeps its state without data', () => {
    const alarm = new Alarm(2);
    for (let turn = 0; turn < 50; turn += 1) expect(alarm.note(turn % 2 === 0)).toBeNull();
    expect([true, true, null, null, false, true, false].map((value) => alarm.note(value))).toEqual([
      null,
      'fired',
      null,
      null,
      null,
      null,
      null,
    ]);
  });
});
