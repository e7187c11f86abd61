import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createStatementText } from '../../../src/metrics/statement-text.js';

const statementTextOf = createStatementText();

describe('the text of a statement for logs', () => {
  it.each([
    ['select * from "chats" where "id" = $1', 'select * from "chats" where "id" = $1'],
    ["select 'a''b', E'c\\'d', $$e$$, $tag$f $$ g$tag$", 'select ?, ?, ?, ?'],
    [
      "where a = 42 and b > -1.5e3 and c = .5 and d = 0xFF and e = B'01'",
      'where a = ? and b > -? and c = ? and d = ? and e = ?',
    ],
    ['select a1, t2.b from t2 -- secret\n where x /* secret */ = 1', 'select a1, t2.b from t2 where x = ?'],
    ['select "a""1", 1', 'select "a""1", ?'],
    ["select 'never ended", 'select ?'],
    ['select $$never ended', 'select ?'],
    ['select 1 /* never ended', 'select ?'],
    ["select u&'d\\0061t', U&'x'", 'select ?, ?'],
    ['  select\n\t  1  ', 'select ?'],
  ])('gives %j as %j', (text, expected) => {
    expect(statementTextOf(text)).toBe(expected);
  });

  it('shows no string and no number, whatever is in them', () => {
    const quoted = fc.string().map((value) => `'${value.replaceAll("'", "''")}SECRET'`);
    const number = fc.nat().map((value) => `7310521${value}`);
    const comment = fc
      .string()
      .map((value) => `/* ${value.replaceAll('*/', '').replaceAll('*', '')}SECRET */`);
    const piece = fc.oneof(quoted, number, comment, fc.constantFrom('select', '$1', '"id"', '=', ',', '\n'));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = statementTextOf(pieces.join(' '));
        expect(text).not.toMatch(/SECRET|7310521/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('ends after 2,000 characters', () => {
    expect(statementTextOf('select a, '.repeat(1_000))).toHaveLength(2_000);
  });
});
