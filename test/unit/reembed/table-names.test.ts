import { describe, expect, it } from 'vitest';
import { indexNameOn, NEXT, PREVIOUS, quoted } from '../../../src/reembed/table-names.js';

describe('indexNameOn', () => {
  it.each([
    ['chat_vectors_pkey', 'chat_vectors_next_pkey', 'chat_vectors_previous_pkey'],
    [
      'idx_chat_vectors_embedding_hnsw',
      'idx_chat_vectors_next_embedding_hnsw',
      'idx_chat_vectors_previous_embedding_hnsw',
    ],
    ['my index', 'my index_next', 'my index_previous'],
  ])('names %s after the other table', (name, next, previous) => {
    expect(indexNameOn(NEXT, name)).toBe(next);
    expect(indexNameOn(PREVIOUS, name)).toBe(previous);
  });

  it('gives no longer name than the server keeps, and none that is taken', () => {
    const name = `idx_${'x'.repeat(59)}`;
    const names = [name, `${name.slice(0, -1)}y`, `idx_chat_vectors_${'z'.repeat(46)}`].flatMap((it) => [
      it,
      indexNameOn(NEXT, it),
      indexNameOn(PREVIOUS, it),
    ]);
    expect(Math.max(...names.map((it) => it.length))).toBe(63);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('quoted', () => {
  it('doubles quotes', () => {
    expect(quoted('a "b"')).toBe('"a ""b"""');
  });
});
