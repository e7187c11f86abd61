import { describe, expect, it } from 'vitest';
import { recallOf } from '../../../src/search/recall.js';
import { RecallTuning } from '../../../src/search/recall-tuning.js';

describe('recallOf', () => {
  it('is the share of the nearest that were found', () => {
    expect(recallOf([0.1, 0.2, 0.9], [0.1, 0.2, 0.3])).toBeCloseTo(2 / 3);
    expect(recallOf([], [0.1])).toBe(0);
  });

  it('takes another row at the same distance for as good', () => {
    expect(recallOf([0.1, 0.3, 0.3], [0.1, 0.3])).toBe(1);
  });

  it('is 1 where there is nothing to be found', () => {
    expect(recallOf([], [])).toBe(1);
  });
});

describe('RecallTuning', () => {
  const record = (tuning: RecallTuning, recalls: readonly number[]) => {
    for (const recall of recalls) tuning.record('codes', recall);
  };
  const fifty = (recall: number) => Array.from({ length: 50 }, () => recall);

  it('raises the effort of the strategy after fifty samples below the target, and of that one only', () => {
    const tuning = new RecallTuning(0.99);
    record(tuning, fifty(0.9).slice(1));
    expect(tuning.effort('codes')).toBe(1);
    record(tuning, [0.9]);
    expect(tuning.effort('codes')).toBe(1.5);
    expect(tuning.effort('hnsw')).toBe(1);
    expect(tuning.state('codes')).toEqual({ samples: 50, recall: expect.closeTo(0.9), effort: 1.5 });
  });

  it('stops at eight times, and comes down after windows without a miss', () => {
    const tuning = new RecallTuning(0.99);
    for (let window = 0; window < 10; window += 1) record(tuning, fifty(0.5));
    expect(tuning.effort('codes')).toBe(8);
    for (let window = 0; window < 10; window += 1) record(tuning, fifty(1));
    expect(tuning.effort('codes')).toBe(1);
  });

  it('leaves the effort where the recall meets the target with a miss now and then', () => {
    const tuning = new RecallTuning(0.9);
    record(tuning, fifty(0.8));
    record(tuning, fifty(0.95));
    expect(tuning.effort('codes')).toBe(1.5);
  });
});
