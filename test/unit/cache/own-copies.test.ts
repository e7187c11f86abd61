import { describe, expect, it } from 'vitest';
import { KeyFences } from '../../../src/cache/key-fences.js';
import type { Kept } from '../../../src/cache/memory-tier.js';
import { OwnCopies } from '../../../src/cache/own-copies.js';

const COPY = { loadMs: 7 } as Kept;

/** Copies of one process; `answer` is what Redis says, once it is asked. */
function makeCopies() {
  const fences = new KeyFences();
  const kept: string[] = [];
  const questions: (readonly string[])[] = [];
  let answer: (stamps: readonly string[] | null) => void = () => undefined;
  const copies = new OwnCopies({
    fences,
    stampsOf: (names) => {
      questions.push(names);
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    keep: (name) => void kept.push(name),
  });
  const answered = async (stamps: readonly string[] | null) => {
    await Promise.resolve();
    answer(stamps);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { copies, fences, kept, questions, answered };
}

describe('OwnCopies', () => {
  it('puts back what Redis still holds, with one question for all that was told of at once', async () => {
    const { copies, fences, kept, questions, answered } = makeCopies();
    copies.expect('a', 's1', COPY);
    copies.expect('b', 's2', COPY);
    copies.doubt('a');
    copies.doubt('b');
    copies.doubt('of others');
    await answered(['s1', 's2']);
    expect(kept).toEqual(['a', 'b']);
    expect(questions).toEqual([['a', 'b']]);
    expect(fences.size).toBe(0);
  });

  it('leaves out what another write has replaced, what is gone and what nobody can tell', async () => {
    for (const stamps of [['other'], [''], null]) {
      const { copies, kept, answered } = makeCopies();
      copies.expect('a', 's1', COPY);
      copies.doubt('a');
      await answered(stamps);
      expect(kept).toEqual([]);
    }
  });

  it('leaves out what changes between the question and its answer', async () => {
    const { copies, fences, kept, answered } = makeCopies();
    copies.expect('a', 's1', COPY);
    copies.doubt('a');
    await Promise.resolve();
    fences.break('a');
    await answered(['s1']);
    expect(kept).toEqual([]);
  });

  it('asks once for each write, and not for one that did not take place', async () => {
    const { copies, questions, answered } = makeCopies();
    copies.expect('a', 's1', COPY);
    copies.forget('a', 'of a later write');
    copies.doubt('a');
    copies.doubt('a');
    await answered(['s1']);
    copies.expect('a', 's2', COPY);
    copies.forget('a', 's2');
    copies.doubt('a');
    copies.expect('a', 's3', COPY);
    copies.forgetAll();
    copies.doubt('a');
    await answered([]);
    expect(questions).toEqual([['a']]);
  });
});
