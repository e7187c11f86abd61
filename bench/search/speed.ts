import type { MacroStore } from '../../src/index.js';
import { type Measurement, measure } from '../harness/measure.js';
import { type Answers, createAnswers, type Quality } from './answers.js';
import type { Placement } from './placement.js';
import { heavyMix, type Question, type Questions, uniformMix } from './questions.js';
import type { Truth } from './truth.js';
import { STRATEGIES, storeWay, type Way } from './ways.js';

export interface MeasuredClass {
  readonly rows: number;
  readonly measurement: Measurement;
  readonly quality: ReadonlyMap<string, Quality>;
}

const WARM_UP = 12;
/** All others take a time that is linear in the rows of a user, and take part in fewer steps of large ones. */
const isFast = ({ name }: Way) => ['store', 'pg', 'select 1'].includes(name);

/** Steps a round: enough for a median, for users of every size. */
function stepsFor(rows: number): { steps: number; everySlow: number } {
  if (rows <= 100) return { steps: 150, everySlow: 1 };
  if (rows <= 500) return { steps: 120, everySlow: 2 };
  return rows <= 2_000 ? { steps: 100, everySlow: 4 } : { steps: 80, everySlow: 8 };
}

/** Until V8 has compiled what is called for each search; after a hundred calls a search still takes half as long again. */
const COMPILING_CALLS = 2_000;

/** Calls the ways that are measured against each other in microseconds, as a service that runs has done long since. */
export async function warmUp(ways: readonly Way[], rows: number, questions: Questions): Promise<void> {
  for (let call = 0; call < COMPILING_CALLS; call += 1) {
    for (const way of ways.filter(isFast)) await way.search(questions.ofClass(rows, call));
  }
}

/** Searches of users of one size. */
export async function measureClass(
  ways: readonly Way[],
  rows: number,
  questions: Questions,
  truth: Truth,
): Promise<MeasuredClass> {
  const answers = createAnswers();
  const { steps, everySlow } = stepsFor(rows);
  const measurement = await measure<Question>({
    name: `${rows} rows`,
    input: (step) => questions.ofClass(rows, step),
    steps,
    warmUp: WARM_UP,
    candidates: candidatesOf(ways, answers, everySlow),
  });
  const quality = answers.judge(truth);
  return { rows, measurement, quality };
}

const STRATEGY_STEPS = 25;

/** Searches of users of one size by each strategy, also where the store would not choose it, beside its choice. */
export async function measureStrategies(
  store: MacroStore,
  rows: number,
  questions: Questions,
  truth: Truth,
): Promise<MeasuredClass> {
  const answers = createAnswers();
  const measurement = await measure<Question>({
    name: `${rows} rows`,
    input: (step) => questions.ofClass(rows, step),
    steps: STRATEGY_STEPS,
    warmUp: 3,
    candidates: [undefined, ...STRATEGIES].map((strategy) => answers.listenTo(storeWay(store, strategy))),
  });
  return { rows, measurement, quality: answers.judge(truth) };
}

/** A round; so many that each class comes as often as its share says, and the same questions in every round. */
const MIX_STEPS = { uniform: 100, heavy: 50 };

/** Searches of users of all sizes. */
export function measureMix(
  kind: 'uniform' | 'heavy',
  ways: readonly Way[],
  placement: Placement,
  questions: Questions,
): Promise<Measurement> {
  const steps = MIX_STEPS[kind];
  const asked = mixOf(kind, placement, questions, steps);
  return measure<Question>({
    name: `${kind} mix`,
    input: (step) => asked[step % steps] ?? questions.ofClass(4, step),
    // Measured after the classes: everything is warm.
    warmUp: 0,
    steps,
    candidates: candidatesOf(ways, createAnswers(), 1),
  });
}

export function mixOf(
  kind: 'uniform' | 'heavy',
  placement: Placement,
  questions: Questions,
  count: number,
): readonly Question[] {
  const shares = kind === 'uniform' ? uniformMix(placement) : heavyMix(placement);
  return questions.mix(shares, count, kind === 'uniform' ? 1 : 2);
}

function candidatesOf(ways: readonly Way[], answers: Answers, everySlow: number) {
  return ways.map((way) => answers.listenTo(way, isFast(way) ? 1 : everySlow));
}
