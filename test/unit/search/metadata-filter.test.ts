import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { InputIssue } from '../../../src/errors.js';
import { checkInput } from '../../../src/input.js';
import { metadataFilter } from '../../../src/search/metadata-filter.js';

const search = z.strictObject({ filter: z.strictObject({ metadata: metadataFilter.optional() }) });
const check = (metadata: unknown) => checkInput('x.y', search, { filter: { metadata } });

const pathOf = (metadata: unknown): string | undefined =>
  check(metadata)._unsafeUnwrap().filter.metadata?.path;

const issuesOf = (metadata: unknown): readonly InputIssue[] => {
  const result = check(metadata);
  return result.isErr() ? result.error.issues : [];
};

/** Where a filter is refused, below `filter.metadata`. */
const refusedAt = (metadata: unknown): string[] =>
  issuesOf(metadata).map(({ path }) => path.replace(/^filter\.metadata\.?/, ''));

const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);
const condition = { field: 'a', eq: 1 };
/** A condition at the given depth. */
const nested = (depth: number): object => (depth === 1 ? condition : { not: nested(depth - 1) });
const list = (depth: number): unknown[] => (depth === 1 ? [] : [list(depth - 1)]);

describe('metadataFilter', () => {
  it.each([
    [{ field: 'a', eq: 'x' }, '$."a" == "x"'],
    [{ field: 'a', eq: null }, '$."a" == null'],
    [{ field: 'a', eq: false }, '$."a" == false'],
    [{ field: 'a', ne: 1 }, '!exists($ ? ($."a" == 1))'],
    [{ field: 'a', in: [1, 'x'] }, 'exists($."a" ? (@ == 1 || @ == "x"))'],
    [{ field: 'a', nin: [1] }, '!exists($ ? (exists($."a" ? (@ == 1))))'],
    [{ field: 'a', gt: 1 }, '$."a" > 1'],
    [{ field: 'a', gte: '2026-01-01' }, '$."a" >= "2026-01-01"'],
    [{ field: 'a', lt: '' }, '$."a" < ""'],
    [{ field: 'a', lte: 0.5 }, '$."a" <= 0.5'],
    [{ field: 'a', exists: true }, 'exists($."a")'],
    [{ field: 'a', exists: false }, '!exists($ ? (exists($."a")))'],
    [{ field: 'a', contains: 1 }, 'exists($."a"[*] ? (@ == 1))'],
    [
      { field: 'a', contains: ['x', []] },
      'exists($."a" ? (@.type() == "array" && exists(@[*] ? (@ == "x")) && exists(@[*] ? (@.type() == "array"))))',
    ],
    [
      { field: 'a', contains: { b: 1, c: {} } },
      'exists($."a" ? (@.type() == "object" && @."b" == 1 && exists(@."c" ? (@.type() == "object"))))',
    ],
    [{ and: [condition, { field: 'b', lt: 2 }] }, '($."a" == 1 && $."b" < 2)'],
    [{ or: [condition, { and: [condition] }] }, '($."a" == 1 || ($."a" == 1))'],
    [{ not: condition }, '!exists($ ? ($."a" == 1))'],
    [{ and: [] }, '1 == 1'],
    [{ or: [] }, '1 == 0'],
    [{ field: 'a', in: [] }, '1 == 0'],
  ])('compiles %j', (filter, path) => {
    expect(pathOf(filter)).toBe(`strict ${path}`);
  });

  it.each([
    ['a.b', '$."a.b"'],
    [['a', 'b.c'], '$."a"."b.c"'],
    ['', '$.""'],
    ['__proto__', '$."__proto__"'],
    ['"', '$."\\""'],
    ['\\', '$."\\\\"'],
    ['\\" == 1 || 1 == 1 || $."', '$."\\\\\\" == 1 || 1 == 1 || $.\\""'],
    ['\n\u0001\u007f\u2028', '$."\\n\\u0001\u007f\u2028"'],
    ['$a[*]', '$."$a[*]"'],
    ['😀', '$."😀"'],
  ])('quotes the field %j', (field, path) => {
    expect(pathOf({ field, exists: true })).toBe(`strict exists(${path})`);
  });

  it.each([
    [-0, '0'],
    [-1.5, '-1.5'],
    [1e21, '1e+21'],
    [1e-7, '1e-7'],
    [2 ** 53, '9007199254740992'],
    [Number.MIN_VALUE, '5e-324'],
    [-Number.MAX_VALUE, '-1.7976931348623157e+308'],
  ])('writes the number %d as JSON does', (eq, number) => {
    expect(pathOf({ field: 'a', eq })).toBe(`strict $."a" == ${number}`);
  });

  it('gives the filter with its path, and nothing for none', () => {
    expect(check(condition)._unsafeUnwrap().filter.metadata).toEqual({
      filter: condition,
      path: 'strict $."a" == 1',
    });
    expect(check(undefined)._unsafeUnwrap()).toEqual({ filter: { metadata: undefined } });
  });

  it('reads a filter from JSON, from another realm or without prototypes', () => {
    expect(refusedAt(JSON.parse('{"field":"a","contains":{"__proto__":1}}'))).toEqual([]);
    const bare = Object.assign(Object.create(null), { field: 'a', eq: 1 });
    expect(refusedAt({ and: [bare] })).toEqual([]);
  });

  it.each([
    ['no object', null, ''],
    ['an array', [condition], ''],
    ['a text', 'a = 1', ''],
    ['a Date', new Date(0), ''],
    ['nothing in it', {}, ''],
    ['a field alone', { field: 'a' }, ''],
    ['an operator alone', { eq: 1 }, 'field'],
    ['two operators', { field: 'a', gte: 1, lt: 2 }, ''],
    ['two operators, one undefined', { field: 'a', eq: 1, ne: undefined }, ''],
    ['two groups', { and: [], or: [] }, ''],
    ['a group with a field', { and: [], field: 'a' }, 'field'],
    ['an unknown operator', { and: [condition, { field: 'a', like: 'x' }] }, 'and.1.like'],
    ['an inherited name for operator', { field: 'a', constructor: 1 }, 'constructor'],
    ['__proto__ for operator', JSON.parse('{"field":"a","__proto__":1}'), '__proto__'],
    ['a field that is a number', { or: [{ field: 1, eq: 1 }] }, 'or.0.field'],
    ['a path without keys', { field: [], eq: 1 }, 'field'],
    ['a path with a number', { field: ['a', 0], eq: 1 }, 'field.1'],
    ['undefined', { field: 'a', eq: undefined }, 'eq'],
    ['an array to equal', { field: 'a', eq: [1] }, 'eq'],
    ['NaN', { field: 'a', ne: Number.NaN }, 'ne'],
    ['infinity', { field: 'a', lt: Number.POSITIVE_INFINITY }, 'lt'],
    ['a bigint', { field: 'a', gt: 1n }, 'gt'],
    ['null to compare with', { field: 'a', gte: null }, 'gte'],
    ['a boolean to compare with', { field: 'a', lte: true }, 'lte'],
    ['a value that is no list', { field: 'a', in: 'x' }, 'in'],
    ['an object in a list', { field: 'a', nin: [1, {}] }, 'nin.1'],
    ['a hole in a list', { field: 'a', in: new Array(1) }, 'in.0'],
    ['exists with a text', { field: 'a', exists: 'true' }, 'exists'],
    ['groups that are no arrays', { and: { 0: condition } }, 'and'],
    ['a hole in a group', { or: new Array(1) }, 'or.0'],
    ['not with an array', { not: [condition] }, 'not'],
    ['undefined to contain', { field: 'a', contains: undefined }, 'contains'],
    ['undefined inside', { field: 'a', contains: { b: undefined } }, 'contains'],
    ['a hole inside', { field: 'a', contains: new Array(1) }, 'contains'],
    ['a Date inside', { field: 'a', contains: [new Date(0)] }, 'contains'],
    ['a function inside', { field: 'a', contains: { toJSON: () => 1 } }, 'contains'],
    ['NaN inside', { field: 'a', contains: [[Number.NaN]] }, 'contains'],
  ])('refuses %s, by its path', (_what, filter, path) => {
    expect(refusedAt(filter)).toEqual([path]);
  });

  it('names every part that is wrong', () => {
    const wrong = { and: [{ field: 1, eq: {} }, condition, { not: { field: 'a', gt: [] } }] };
    expect(refusedAt(wrong)).toEqual(['and.0.field', 'and.0.eq', 'and.2.not.gt']);
  });

  it('repeats no value', () => {
    const secret = 'secret\u0000';
    const filters = [
      { field: secret, eq: secret },
      { field: [secret], in: [secret] },
      { field: 'a', contains: { [secret]: secret } },
      secret,
    ];
    const issues = filters.flatMap(issuesOf);
    expect(issues).toHaveLength(6);
    expect(JSON.stringify(issues)).not.toContain('secret');
  });

  it.each([['x\u0000'], ['\ud800'], ['x\udc00x']])('refuses %j wherever a text can be', (text) => {
    expect(refusedAt({ field: text, exists: true })).toEqual(['field']);
    expect(refusedAt({ field: ['a', text], exists: true })).toEqual(['field.1']);
    expect(refusedAt({ field: 'a', eq: text })).toEqual(['eq']);
    expect(refusedAt({ field: 'a', in: ['a', text] })).toEqual(['in.1']);
    expect(refusedAt({ field: 'a', lt: text })).toEqual(['lt']);
    expect(refusedAt({ field: 'a', contains: { [text]: 1 } })).toEqual(['contains']);
    expect(refusedAt({ field: 'a', contains: [{ a: text }] })).toEqual(['contains']);
  });
});

describe('whatever comes as a metadata filter', () => {
  const keys = ['and', 'or', 'not', 'field', 'eq', 'in', 'gt', 'exists', 'contains', 'x'];
  const part = fc.anything({
    key: fc.constantFrom(...keys),
    maxDepth: 4,
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSparseArray: true,
    withTypedArray: true,
  });

  it('is a path or an invalid-input below its field, and never throws', () => {
    fc.assert(
      fc.property(part, (filter) => {
        fc.pre(filter !== undefined);
        const result = check(filter);
        if (result.isOk()) return expect(result.value.filter.metadata?.path).toMatch(/^strict /);
        for (const { path } of result.error.issues) expect(path).toMatch(/^filter\.metadata(\.|$)/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the bounds of a metadata filter', () => {
  it.each([
    ['8 deep', nested(8), nested(9), 'not.not.not.not.not.not.not.not'],
    ['100 conditions', { and: times(100, condition) }, { and: times(101, condition) }, 'and'],
    [
      '100 conditions in several groups',
      { or: times(4, { and: times(25, condition) }) },
      { or: [...times(4, { and: times(25, condition) }), { not: condition }, condition] },
      'or.4.not',
    ],
    [
      '100 empty groups',
      { or: times(4, { and: times(25, { or: [] }) }) },
      { or: [...times(4, { and: times(25, { or: [] }) }), { and: [] }] },
      'or.4',
    ],
    ['1,000 values', { field: 'a', in: times(1_000, 1) }, { field: 'a', in: times(1_001, 1) }, 'in'],
    [
      '1,000 values left out',
      { field: 'a', nin: times(1_000, 1) },
      { field: 'a', nin: times(1_001, 1) },
      'nin',
    ],
    ['100 keys', { field: times(100, 'a'), eq: 1 }, { field: times(101, 'a'), eq: 1 }, 'field'],
    [
      '10,000 characters of a value',
      { field: 'a', eq: 'x'.repeat(10_000) },
      { field: 'a', eq: 'x'.repeat(10_001) },
      'eq',
    ],
    [
      '10,000 characters of a key',
      { field: 'x'.repeat(10_000), exists: true },
      { field: 'x'.repeat(10_001), exists: true },
      'field',
    ],
    [
      '1,000 items to contain',
      { field: 'a', contains: times(1_000, 1) },
      { field: 'a', contains: { b: times(1_001, 1) } },
      'contains',
    ],
    ['a value 8 deep', { field: 'a', contains: list(8) }, { field: 'a', contains: list(9) }, 'contains'],
  ])('are %s', (_bound, within, beyond, path) => {
    expect(refusedAt(within)).toEqual([]);
    expect(refusedAt(beyond)).toEqual([path]);
  });

  it('are 100,000 characters as a path', () => {
    const head = 'strict exists($."a" ? ('.length + '))'.length;
    const values = times(9, 'x'.repeat(10_000));
    const rest = 100_000 - head - 10 * '@ == ""'.length - 9 * ' || '.length - 90_000;
    const withLast = (length: number) => ({ field: 'a', in: [...values, 'y'.repeat(length)] });
    expect(pathOf(withLast(rest))).toHaveLength(100_000);
    expect(issuesOf(withLast(rest + 1))).toEqual([
      { path: 'filter.metadata', message: 'must be at most 100000 characters as a jsonpath' },
    ]);
    // An escape takes more of it than its character.
    expect(refusedAt({ field: 'a', in: times(2, '\u0001'.repeat(10_000)) })).toEqual(['']);
    const parts = { and: times(12, { field: 'a', eq: 'x'.repeat(10_000) }) };
    expect(issuesOf(parts)).toEqual([
      { path: 'filter.metadata.and.9.eq', message: 'must be at most 100000 characters as a jsonpath' },
    ]);
  });

  it('hold against one object that is in itself many times', () => {
    let many: unknown = 'x';
    for (let depth = 0; depth < 7; depth += 1) many = times(1_000, many);
    expect(refusedAt({ field: 'a', contains: many })).toEqual(['contains']);
    expect(refusedAt({ or: new Array(1e9) })).toEqual(['or']);
    expect(refusedAt({ field: 'a', contains: new Array(1e9) })).toEqual(['contains']);
    let groups: unknown = 5;
    for (let depth = 0; depth < 7; depth += 1) groups = { and: times(100, groups) };
    expect(refusedAt(groups).length).toBeLessThan(300);
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(refusedAt({ field: 'a', contains: cycle })).toEqual(['contains']);
    const group: { and: unknown[] } = { and: [] };
    group.and.push(group);
    expect(refusedAt(group)).toEqual([times(8, 'and.0').join('.')]);
  });
});
