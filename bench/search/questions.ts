import { seededRandom, shuffledBy } from '../../test/support/seeded-random.js';
import type { Placement } from './placement.js';
import type { Shape } from './tables.js';

/** One search: of one user, for one thing. */
export interface Question {
  readonly userId: string;
  /** As the store takes it. */
  readonly embedding: Float32Array;
  /** As the others take it, with no more digits than a 32-bit float has. */
  readonly numbers: number[];
  /** Before it was lifted, for the exact answer. */
  readonly plain: Float32Array;
}

export const LIMIT = 10;

export interface Questions {
  /** The n-th question of the users of one class, in turn. */
  ofClass(rows: number, n: number): Question;
  /** Questions whose users are picked by class, each class exactly as often as its share says, in random order. */
  mix(shares: Readonly<Record<number, number>>, count: number, seed: number): readonly Question[];
}

export function createQuestions({ classes, queries }: Placement, shape: Shape): Questions {
  const asked = queries.map(({ embedding: plain }) => {
    const embedding = shape(plain);
    return { plain, embedding, numbers: Array.from(embedding, (value) => Number(value.toPrecision(9))) };
  });
  const ofClass = (rows: number, n: number): Question => {
    const users = classes.find((one) => one.rows === rows)?.users ?? [];
    const userId = users[n % users.length];
    const query = asked[n % asked.length];
    if (userId === undefined || query === undefined) throw new Error(`there is no user with ${rows} rows`);
    return { userId, ...query };
  };
  return {
    ofClass,
    mix(shares, count, seed) {
      const random = seededRandom(seed);
      const picked = Object.entries(shares).flatMap(([rows, share]) =>
        Array.from({ length: Math.round(count * share) }, () =>
          ofClass(Number(rows), Math.floor(random() * 1_000_000)),
        ),
      );
      return shuffledBy(random, picked);
    },
  };
}

/** How often a user of each class asks, from the smallest class to the largest. */
const UNIFORM = [0.4, 0.25, 0.2, 0.1, 0.05];
const HEAVY_SHARE = 0.4;

export function uniformMix({ classes }: Placement): Record<number, number> {
  return Object.fromEntries(classes.map(({ rows }, index) => [rows, UNIFORM[index] ?? 0]));
}

/** The largest user asks 40 % of the questions, all users together the rest as in the uniform mix. */
export function heavyMix(placement: Placement): Record<number, number> {
  const shares = Object.entries(uniformMix(placement));
  return Object.fromEntries(
    shares.map(([rows, share], index) => [
      rows,
      share * (1 - HEAVY_SHARE) + (index === shares.length - 1 ? HEAVY_SHARE : 0),
    ]),
  );
}
