import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  asChosen,
  chooseStrategy,
  MIN_CODE_DIMENSIONS,
  type Situation,
} from '../../../src/search/choose-strategy.js';

const aSituation = (with_: Partial<Situation> = {}): Situation => ({
  shape: { dimensions: 1536, column: 'vector' },
  scopeRows: null,
  tableRows: null,
  isFiltered: false,
  depth: 10,
  hnsw: 'none',
  effort: 1,
  ...with_,
});

const chosen = (with_: Partial<Situation>) => chooseStrategy(aSituation(with_)).strategy;

const anySituation: fc.Arbitrary<Situation> = fc.record({
  shape: fc.record({
    dimensions: fc.integer({ min: 1, max: 2_000 }),
    column: fc.constantFrom('vector' as const, 'halfvec' as const),
  }),
  scopeRows: fc.option(fc.nat(10_000_000)),
  tableRows: fc.option(fc.nat(100_000_000)),
  isFiltered: fc.boolean(),
  depth: fc.integer({ min: 1, max: 101_000 }),
  hnsw: fc.constantFrom('none' as const, 'all' as const, 'partial' as const),
  effort: fc.double({ min: 1, max: 16, noNaN: true }),
});

describe('chooseStrategy', () => {
  it('takes codes for a scope of unknown size, with and without HNSW', () => {
    for (const hnsw of ['none', 'all', 'partial'] as const) expect(chosen({ hnsw })).toBe('codes');
  });

  it('takes exact for an unknown scope where codes say too little, or a filter has to see every row', () => {
    const shape = { dimensions: MIN_CODE_DIMENSIONS - 1, column: 'vector' } as const;
    for (const hnsw of ['none', 'all', 'partial'] as const) {
      expect(chosen({ shape, hnsw })).toBe('exact');
      expect(chosen({ isFiltered: true, hnsw })).toBe('exact');
    }
    expect(chosen({ shape: { ...shape, dimensions: MIN_CODE_DIMENSIONS } })).toBe('codes');
  });

  it.each([
    [0, 'exact'],
    [100, 'exact'],
    [200, 'exact'],
    [500, 'codes'],
    [4_000, 'codes'],
    [8_000, 'hnsw'],
    [1_000_000, 'hnsw'],
  ])('takes for a table of one user with %d rows: %s', (rows, strategy) => {
    expect(chosen({ scopeRows: rows, tableRows: rows, hnsw: 'all' })).toBe(strategy);
  });

  it('goes from exact to codes to HNSW as a scope grows, and never back', () => {
    const order = ['exact', 'codes', 'hnsw'];
    for (const share of [1, 0.4, 0.1]) {
      let last = 0;
      for (let rows = 1; rows < 2_000_000; rows = Math.ceil(rows * 1.2)) {
        const strategy = chosen({ scopeRows: rows, tableRows: rows / share, hnsw: 'all' });
        expect(order.indexOf(strategy), `${rows} rows`).toBeGreaterThanOrEqual(last);
        last = order.indexOf(strategy);
      }
      expect(last).toBe(2);
    }
  });

  it('keeps HNSW for scopes that are a large part of the table', () => {
    const scope = { scopeRows: 16_000, hnsw: 'all' } as const;
    expect(chosen({ ...scope, tableRows: 40_000 })).toBe('hnsw');
    expect(chosen({ ...scope, tableRows: 10_000_000 })).toBe('codes');
    expect(chosen({ ...scope, hnsw: 'none', tableRows: 40_000 })).toBe('codes');
  });

  it('does not count the rows of others against an index on this user alone', () => {
    expect(chosen({ scopeRows: 16_000, tableRows: 10_000_000, hnsw: 'partial' })).toBe('hnsw');
  });

  it('takes more rows in scope than the table is said to have for all of it', () => {
    expect(chosen({ scopeRows: 100_000, tableRows: 10, hnsw: 'all' })).toBe('hnsw');
    expect(chosen({ scopeRows: 100_000, tableRows: 0, hnsw: 'all' })).toBe('hnsw');
  });

  it('never ranks a filtered scope by codes', () => {
    const filtered = { isFiltered: true, hnsw: 'all' } as const;
    for (const rows of [10, 1_000, 100_000]) {
      expect(chosen({ ...filtered, hnsw: 'none', scopeRows: rows, tableRows: rows })).toBe('exact');
    }
    expect(chosen({ ...filtered, scopeRows: 1_000, tableRows: 1_000 })).toBe('exact');
    expect(chosen({ ...filtered, scopeRows: 100_000, tableRows: 100_000 })).toBe('hnsw');
  });

  it('reads a small scope exactly rather than compare most of it twice', () => {
    const scope = { scopeRows: 800, tableRows: 100_000, hnsw: 'all' } as const;
    expect(chosen({ ...scope, depth: 10 })).toBe('codes');
    expect(chosen({ ...scope, depth: 100 })).toBe('exact');
  });

  it('never takes HNSW without an index, nor codes with a filter or few dimensions', () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const { strategy } = chooseStrategy(situation);
        if (strategy === 'hnsw') expect(situation.hnsw).not.toBe('none');
        if (strategy === 'codes') {
          expect(situation.isFiltered).toBe(false);
          expect(situation.shape.dimensions).toBeGreaterThanOrEqual(MIN_CODE_DIMENSIONS);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('asChosen', () => {
  const strategies = fc.constantFrom('exact' as const, 'codes' as const, 'hnsw' as const);

  it('runs any strategy in any situation, with whole numbers that reach to the end of the page', () => {
    fc.assert(
      fc.property(strategies, anySituation, (strategy, situation) => {
        const choice = asChosen(strategy, situation);
        expect(choice.strategy).toBe(strategy);
        expect(Number.isInteger(choice.candidates)).toBe(true);
        expect(choice.candidates).toBeGreaterThanOrEqual(situation.depth);
        expect(Number.isInteger(choice.efSearch)).toBe(true);
        expect(choice.efSearch).toBeGreaterThanOrEqual(100);
        expect(choice.efSearch).toBeLessThanOrEqual(1_000);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives what chooseStrategy gives for the strategy that it chose', () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const choice = chooseStrategy(situation);
        expect(asChosen(choice.strategy, situation)).toEqual(choice);
      }),
    );
  });

  it('compares more rows for more hits, larger scopes, coarser codes and more effort', () => {
    const candidates = (with_: Partial<Situation>) => asChosen('codes', aSituation(with_)).candidates;
    expect(candidates({})).toBe(60);
    expect(candidates({ depth: 1 })).toBe(50);
    expect(candidates({ depth: 100 })).toBe(600);
    expect(candidates({ scopeRows: 4_000 })).toBe(60);
    expect(candidates({ scopeRows: 16_000 })).toBeGreaterThan(90);
    expect(candidates({ shape: { dimensions: 256, column: 'vector' } })).toBe(120);
    expect(candidates({ effort: 2 })).toBe(120);
  });

  it('looks wider in the graph for more hits and more effort', () => {
    const efSearch = (with_: Partial<Situation>) => asChosen('hnsw', aSituation(with_)).efSearch;
    expect(efSearch({})).toBe(100);
    expect(efSearch({ depth: 50 })).toBe(200);
    expect(efSearch({ effort: 1.5 })).toBe(150);
    expect(efSearch({ depth: 1_000, effort: 8 })).toBe(1_000);
    const candidates = (with_: Partial<Situation>) => asChosen('hnsw', aSituation(with_)).candidates;
    expect(candidates({})).toBe(40);
    expect(candidates({ depth: 50 })).toBe(100);
    expect(candidates({ effort: 2 })).toBe(80);
  });

  it('compares with exact what the answer needs, whatever the effort', () => {
    expect(asChosen('exact', aSituation({ depth: 7, effort: 4, scopeRows: 100_000 })).candidates).toBe(7);
  });
});
