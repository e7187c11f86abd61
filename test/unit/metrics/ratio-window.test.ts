import { expect, test } from 'vitest';
import { RatioWindow } from '../../../src/metrics/ratio-window.js';

const WINDOW_MS = 60_000;

/** Counters that grow by 100 a second, of which `share` are the part. */
function setUp() {
  let now = 1_700_000_000_000;
  let part = 0;
  let whole = 0;
  const window = new RatioWindow(WINDOW_MS, () => now);
  return {
    seconds(count: number, share: number): number | null {
      let ratio: number | null = null;
      for (let second = 0; second < count; second += 1) {
        now += 1_000;
        part += 100 * share;
        whole += 100;
        ratio = window.next(part, whole, 20);
      }
      return ratio;
    },
    setClock: (byMs: number) => {
      now += byMs;
    },
  };
}

test('a ratio forgets what is older than its window', () => {
  const { seconds } = setUp();
  seconds(200, 1);
  expect(seconds(61, 0)).toBe(0);
});

test('a ratio forgets it also after the clock was set back', () => {
  const { seconds, setClock } = setUp();
  seconds(200, 1);
  setClock(-86_400_000);
  expect(seconds(61, 0)).toBe(0);
});
