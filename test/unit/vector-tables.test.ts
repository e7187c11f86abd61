import { describe, expect, it } from 'vitest';
import { perPlace, placeVectors, type VectorTableRow } from '../../src/database/vector-tables.js';

const small = { dimensions: 8, column: 'vector', model: 'small' } as const;
const large = { dimensions: 16, column: 'vector', model: 'large' } as const;
const unnamed = { ...small, model: null };

const row = (with_: Partial<VectorTableRow> = {}): VectorTableRow => ({
  table: 'chat_vectors',
  tableOid: '1',
  type: 'vector(8)',
  phase: null,
  targetType: null,
  targetModel: null,
  sourceModel: null,
  ...with_,
});
const toLarge = { targetType: 'vector(16)', targetModel: 'large' };
const toSameShape = { targetType: 'vector(8)', targetModel: 'other' };
const previous = (with_: Partial<VectorTableRow>) =>
  row({ table: 'chat_vectors_previous', phase: 'cut-over', ...with_ });

describe('placeVectors', () => {
  const place = (configured: Parameters<typeof placeVectors>[0], rows: readonly VectorTableRow[]) => {
    const placed = placeVectors(configured, rows);
    return placed?.mismatch ? placed.mismatch('vectors.test').message : placed?.place.table;
  };

  it('finds nothing where there is no table', () => {
    expect(placeVectors(small, [])).toBeNull();
  });

  it.each([
    ['any model', small],
    ['no model by name', unnamed],
  ])('takes the first table of all for %s of its shape', (_which, configured) => {
    expect(place(configured, [row()])).toBe('chat_vectors');
    expect(place(configured, [row({ type: 'extensions.vector(8)' })])).toBe('chat_vectors');
  });

  it.each([
    [{ ...small, dimensions: 9 }, /vector\(9\).*vector\(8\)/],
    [{ ...small, column: 'halfvec' } as const, /halfvec\(8\).*vector\(8\)/],
  ])('refuses the shape of %o', (configured, message) => {
    expect(place(configured, [row()])).toMatch(message);
  });

  it('leaves everybody at the present table until the cut-over, but the model that is to come', () => {
    const rows = [row({ phase: 'backfilling', ...toSameShape })];
    expect(place(small, rows)).toBe('chat_vectors');
    expect(place(unnamed, rows)).toBe('chat_vectors');
    expect(place({ ...small, model: 'other' }, rows)).toMatch(/under way/);
    expect(place(large, [row({ phase: 'backfilling', ...toLarge })])).toMatch(/under way/);
  });

  it('tells the tables apart after the cut-over, by shape or by model', () => {
    const byShape = [
      row({ tableOid: '2', type: 'vector(16)', phase: 'cut-over', ...toLarge }),
      previous(toLarge),
    ];
    expect(place(small, byShape)).toBe('chat_vectors_previous');
    expect(place(unnamed, byShape)).toBe('chat_vectors_previous');
    expect(place(large, byShape)).toBe('chat_vectors');
    expect(place({ ...large, model: null }, byShape)).toMatch(/embedding\.model/);
    const byModel = [row({ tableOid: '2', phase: 'cut-over', ...toSameShape }), previous(toSameShape)];
    expect(place(small, byModel)).toBe('chat_vectors_previous');
    expect(place({ ...small, model: 'other' }, byModel)).toBe('chat_vectors');
  });

  it('knows the model of the previous table where it came from a re-embedding itself', () => {
    const rows = [
      row({ tableOid: '2', phase: 'cut-over', ...toSameShape, sourceModel: 'small' }),
      previous({ ...toSameShape, sourceModel: 'small' }),
    ];
    expect(place(small, rows)).toBe('chat_vectors_previous');
    expect(place({ ...small, model: 'a third' }, rows)).toMatch(/"a third".*"other"/);
  });

  it('takes the new model alone once the previous table is gone', () => {
    const rows = [row({ phase: 'finished', ...toSameShape })];
    expect(place({ ...small, model: 'other' }, rows)).toBe('chat_vectors');
    expect(place(small, rows)).toMatch(/"small".*"other"/);
    expect(place(unnamed, rows)).toMatch(/no model by name.*"other"/);
  });

  it('names the other table while there are two, and ends statement names differently for each case', () => {
    const current = row({ tableOid: '2', type: 'vector(16)', phase: 'cut-over', ...toLarge });
    const placed = [
      placeVectors(small, [row({ phase: 'backfilling', ...toLarge })]),
      placeVectors(small, [current, previous(toLarge)]),
      placeVectors(large, [current, previous(toLarge)]),
      placeVectors(large, [row({ tableOid: '2', type: 'vector(16)', phase: 'finished', ...toLarge })]),
    ].map((it) => it?.place);
    expect(placed.map((it) => it?.otherTable)).toEqual([null, 'chat_vectors', 'chat_vectors_previous', null]);
    expect(new Set(placed.map((it) => it?.variant)).size).toBe(4);
  });

  it('tells who works on the previous table that the one in use is not theirs', () => {
    const rows = [
      row({ tableOid: '2', type: 'vector(16)', phase: 'cut-over', ...toLarge }),
      previous(toLarge),
    ];
    expect(placeVectors(small, rows)?.mismatch).toBeNull();
    expect(placeVectors(small, rows)?.mismatchOfCurrent?.('vectors.test').message).toMatch(/vector\(16\)/);
    expect(placeVectors(large, rows)?.mismatchOfCurrent).toBeNull();
  });
});

describe('perPlace', () => {
  it('makes one of each place', () => {
    const made = perPlace(({ table }) => ({ table }));
    const [before, after] = [[row()], [row({ tableOid: '2' }), previous(toLarge)]].map((rows) => {
      const placed = placeVectors(unnamed, rows);
      if (placed === null) throw new Error('there is a table');
      return placed.place;
    });
    if (before === undefined || after === undefined) throw new Error('there are two');
    expect(made(before)).toBe(made({ ...before }));
    expect(made(before)).not.toBe(made(after));
  });
});
