import { describe, expect, it } from 'vitest';
import { decodeHalfFloats, encodeHalfFloats } from '../support/half-floats.js';
import { liftedTo1536 } from '../support/lifted.js';
import { exactNearest, recallOf, similarityOf } from '../support/nearest.js';
import { readSgdSample } from '../support/sgd.js';
import { readLabelledQueries } from '../support/sgd-labelled.js';

const sample = readSgdSample();
const [first, second] = sample.docs;
if (first === undefined || second === undefined) throw new Error('the sample is empty');

describe('the sample of chat turns', () => {
  it('has an embedding of unit length for every turn and query', () => {
    expect(sample.docs).toHaveLength(2_400);
    expect(sample.queries).toHaveLength(100);
    for (const { embedding } of [...sample.docs, ...sample.queries]) {
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 3);
    }
  });

  it('keeps every cosine when it is lifted to 1,536 dimensions', () => {
    const [a, b] = [liftedTo1536(first.embedding), liftedTo1536(second.embedding)];
    expect(a).toHaveLength(1_536);
    expect(similarityOf(a, b)).toBeCloseTo(similarityOf(first.embedding, second.embedding), 6);
    expect(Math.hypot(...a)).toBeCloseTo(Math.hypot(...first.embedding), 6);
  });
});

describe('the labelled queries', () => {
  const queries = readLabelledQueries();

  it('are of three kinds, each with an embedding of unit length and a turn that answers it', () => {
    const count = (wanted: string) => queries.filter(({ kind }) => kind === wanted).length;
    expect([count('word'), count('meaning'), count('mixed')]).toEqual([20, 20, 22]);
    for (const { embedding, right } of queries) {
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 3);
      expect(right.length).toBeGreaterThan(0);
    }
  });

  it('of rare words have all turns with those words as answers', () => {
    for (const { kind, text, right } of queries) {
      if (kind !== 'word') continue;
      const having = sample.docs.flatMap((turn, place) => (turn.text.includes(text) ? place : []));
      expect(having, text).toEqual(right);
    }
  });
});

describe('half floats', () => {
  it('come back as they were written', () => {
    const values = [0, 1, -1, 0.5, -0.333251953125, 2 ** -14, 2 ** -24, -(2 ** -15)];
    const [row] = decodeHalfFloats(encodeHalfFloats([values]), values.length);
    expect([...(row ?? [])]).toEqual(values);
  });

  it('are rounded to the nearest', () => {
    const [row] = decodeHalfFloats(encodeHalfFloats([[0.1, 0.99999]]), 2);
    expect([...(row ?? [])]).toEqual([0.0999755859375, 1]);
  });
});

describe('recall', () => {
  const rows = [first, second].map(({ embedding }) => embedding);

  it('is whole where all of the exact answer was found, and nothing where nothing was', () => {
    const nearest = exactNearest(first.embedding, rows, 2);
    expect(nearest.places).toEqual([0, 1]);
    expect(recallOf(nearest.similarities, nearest)).toBe(1);
    expect(recallOf(nearest.similarities.slice(0, 1), nearest)).toBe(0.5);
    expect(recallOf([], nearest)).toBe(0);
  });
});
