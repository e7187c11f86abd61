import { percentile } from '../harness/measure.js';
import type { Ratio } from '../harness/report.js';
import type { Placement } from './placement.js';
import type { Questions } from './questions.js';
import type { Way } from './ways.js';

const FIRST_CALLS = 5;

export interface CliffOptions {
  readonly way: string;
  /** A way on a fresh connection, which has run no search. */
  open(): Promise<Way>;
  /** Of each class on one connection; a plan that is reused comes with the sixth. */
  readonly calls: number;
  readonly repeats: number;
}

/**
 * Whether a statement becomes slower when it is prepared and its plan reused, for whoever asks first: on fresh
 * connections, users of each class in turn make their calls, every class coming first once. A class's later
 * calls, in whichever order they were slowest, are compared with its first calls where it came first.
 */
export async function measureCliff(
  { way: name, open, calls, repeats }: CliffOptions,
  { classes }: Placement,
  questions: Questions,
): Promise<Ratio[]> {
  const sizes = classes.map(({ rows }) => rows);
  const rounds = new Map<number, number[]>(sizes.map((rows) => [rows, []]));
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const firstCalls = new Map<number, number>();
    const slowest = new Map<number, number>();
    for (const order of rotations(sizes)) {
      const way = await open();
      for (const rows of order) {
        const times = await timeCalls(way, rows, calls, questions);
        if (rows === order[0]) firstCalls.set(rows, percentile(times.slice(0, FIRST_CALLS), 0.5));
        const later = percentile(times.slice(FIRST_CALLS), 0.5);
        slowest.set(rows, Math.max(slowest.get(rows) ?? 0, later));
      }
      await way.close();
    }
    for (const rows of sizes) {
      rounds.get(rows)?.push((slowest.get(rows) ?? Number.NaN) / (firstCalls.get(rows) ?? Number.NaN));
    }
  }
  return [...rounds].map(([rows, ratios]) => ({
    operation: `${rows} rows, ${name}`,
    of: `calls ${FIRST_CALLS + 1}–${calls}, slowest order`,
    to: `calls 1–${FIRST_CALLS}`,
    best: Math.min(...ratios),
    rounds: ratios,
  }));
}

async function timeCalls(way: Way, rows: number, calls: number, questions: Questions): Promise<number[]> {
  const milliseconds: number[] = [];
  for (let call = 0; call < calls; call += 1) {
    const question = questions.ofClass(rows, call);
    const started = performance.now();
    await way.search(question);
    milliseconds.push(performance.now() - started);
  }
  return milliseconds;
}

/** Every item first once, the others behind it in their order. */
function rotations<T>(items: readonly T[]): T[][] {
  return items.map((_, start) => [...items.slice(start), ...items.slice(0, start)]);
}
