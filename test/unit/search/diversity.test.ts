import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairSimilarities, pickDiverse } from '../../../src/search/diversity.js';
import { pickDiverseByDefinition } from '../../support/maximal-marginal-relevance.js';

interface Given {
  readonly relevance: readonly number[];
  /** Of each two, in the order in which the server gives them. */
  readonly pairs: readonly number[];
}

// Few values, so that scores often tie; exact in binary, so that they tie exactly.
const score = fc.integer({ min: -8, max: 8 }).map((eighths) => eighths / 8);
const given: fc.Arbitrary<Given> = fc.array(score, { minLength: 1, maxLength: 12 }).chain((relevance) =>
  fc.record({
    relevance: fc.constant([...relevance].sort((one, other) => other - one)),
    pairs: fc.array(score, {
      minLength: (relevance.length * (relevance.length - 1)) / 2,
      maxLength: (relevance.length * (relevance.length - 1)) / 2,
    }),
  }),
);

const similarityOf = ({ relevance, pairs }: Given) =>
  pairSimilarities(pairs.length === 0 ? null : `{${pairs.join(',')}}`, relevance.length);

describe('pickDiverse', () => {
  it('picks what the definition of maximal marginal relevance picks', () => {
    const weight = fc.constantFrom(0, 0.25, 0.5, 0.75, 1);
    fc.assert(
      fc.property(given, weight, fc.nat(14), (items, diversity, count) => {
        const similarity = similarityOf(items);
        expect(pickDiverse(items.relevance, similarity, count, diversity)).toEqual(
          pickDiverseByDefinition(items.relevance, similarity, count, diversity),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it('keeps the order of relevance without diversity, ties as they came', () => {
    const same = () => 1;
    expect(pickDiverse([0.9, 0.9, 0.5, 0.5, 0.1], same, 5, 0)).toEqual([0, 1, 2, 3, 4]);
    expect(pickDiverse([0.1, 0.5, 0.9], same, 2, 0)).toEqual([2, 1]);
  });

  it('begins with the most relevant, whatever the weight', () => {
    fc.assert(
      fc.property(given, fc.double({ min: 0, max: 1, noNaN: true }), (items, diversity) => {
        expect(pickDiverse(items.relevance, similarityOf(items), 1, diversity)).toEqual([0]);
      }),
    );
  });

  it('passes over a copy of what it has, for something else that is near enough', () => {
    const similarity = pairSimilarities('{1,0.2,0.2}', 3);
    expect(pickDiverse([0.9, 0.9, 0.8], similarity, 2, 0)).toEqual([0, 1]);
    expect(pickDiverse([0.9, 0.9, 0.8], similarity, 2, 0.5)).toEqual([0, 2]);
  });

  it('picks each once, and all where more are asked for', () => {
    fc.assert(
      fc.property(given, fc.double({ min: 0, max: 1, noNaN: true }), (items, diversity) => {
        const picked = pickDiverse(items.relevance, similarityOf(items), 100, diversity);
        expect([...picked].sort((one, other) => one - other)).toEqual([...items.relevance.keys()]);
      }),
    );
    expect(pickDiverse([], () => 0, 5, 0.5)).toEqual([]);
  });
});

describe('pairSimilarities', () => {
  it('finds the similarity of each two, in either order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), (count) => {
        const pairs: [number, number][] = [];
        for (let one = 0; one < count; one += 1) {
          for (let other = one + 1; other < count; other += 1) pairs.push([one, other]);
        }
        const similarity = pairSimilarities(`{${pairs.map((_, place) => place / 1_024).join(',')}}`, count);
        for (const [place, [one, other]] of pairs.entries()) {
          expect(similarity(one, other)).toBe(place / 1_024);
          expect(similarity(other, one)).toBe(place / 1_024);
        }
      }),
    );
  });

  it('reads what the server writes for small and negative numbers', () => {
    const similarity = pairSimilarities('{-0.5,1e-07,-1}', 3);
    expect([similarity(0, 1), similarity(0, 2), similarity(1, 2)]).toEqual([-0.5, 1e-7, -1]);
  });
});
