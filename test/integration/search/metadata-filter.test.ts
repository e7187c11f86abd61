import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { isStorable } from '../../../src/input.js';
import type { JsonObject, JsonValue } from '../../../src/schema/column-types.js';
import {
  type JsonScalar,
  type MetadataCondition,
  type MetadataFilter,
  metadataFilter,
} from '../../../src/search/metadata-filter.js';
import { query } from '../../contract/repositories.js';
import { createTestDatabase } from '../../support/test-database.js';

type Metadata = JsonObject | null;

/** The documented meaning of a filter, in JavaScript. */
function holds(filter: MetadataFilter, metadata: Metadata): boolean {
  if (filter.and !== undefined) return filter.and.every((member) => holds(member, metadata));
  if (filter.or !== undefined) return filter.or.some((member) => holds(member, metadata));
  if (filter.not !== undefined) return !holds(filter.not, metadata);
  const value = valueAt(metadata ?? {}, [filter.field].flat());
  if (filter.eq !== undefined) return value === filter.eq;
  if (filter.ne !== undefined) return value !== filter.ne;
  if (filter.in !== undefined) return filter.in.some((one) => one === value);
  if (filter.nin !== undefined) return !filter.nin.some((one) => one === value);
  if (filter.exists !== undefined) return (value !== undefined) === filter.exists;
  if (filter.contains !== undefined) {
    const { contains } = filter;
    if (isScalar(contains)) return Array.isArray(value) && value.includes(contains);
    return value !== undefined && !isScalar(value) && covers(value, contains);
  }
  const bound = filter.gt ?? filter.gte ?? filter.lt ?? filter.lte;
  if (bound === undefined || typeof value !== typeof bound) return false;
  const order = typeof bound === 'string' ? byCodePoint(String(value), bound) : Number(value) - bound;
  if (filter.gt !== undefined) return order > 0;
  if (filter.gte !== undefined) return order >= 0;
  return filter.lt !== undefined ? order < 0 : order <= 0;
}

function valueAt(metadata: JsonValue, path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>(
    (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    metadata,
  );
}

function covers(value: JsonValue, part: JsonValue): boolean {
  if (isScalar(part)) return value === part;
  if (isObject(part)) {
    return (
      isObject(value) &&
      Object.entries(part).every(([key, inside]) => {
        const found = valueAt(value, [key]);
        return found !== undefined && covers(found, inside);
      })
    );
  }
  return Array.isArray(value) && part.every((inside) => value.some((item) => covers(item, inside)));
}

const isScalar = (value: JsonValue): value is JsonScalar => typeof value !== 'object' || value === null;
const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** UTF-8 sorts by code point, UTF-16 does not. */
const byCodePoint = (one: string, other: string): number =>
  Buffer.compare(Buffer.from(one), Buffer.from(other));

// Few keys and values, so that documents and filters often meet; and whatever else a caller may bring.
const hostile = [
  ...[
    '',
    '__proto__',
    'constructor',
    'a.b',
    '$',
    '$a',
    '@',
    '*',
    '[*]',
    'type()',
    '"',
    '\\',
    '\\"',
    "'",
    '%s',
  ],
  ...['a" || 1 == 1 || "', '"?(1==1)', '\\u0041', '\\x41', '\\u{41}', '/*', '*/', '{}', '$1', ':a', 'null'],
  ...['\n', '\t\b\f\r\v', '\u0001', '\u001f', '\u007f', '\u0085', '\u2028\u2029', '\ufeff', 'é', 'e\u0301'],
  ...['\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}', 'İ', '👩‍👩‍👧', '\u202e', ' a', 'A'],
];
const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'ab') },
  { weight: 2, arbitrary: fc.constantFrom(...hostile) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }).filter(isStorable) },
);
const number = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, -0, 1, 2, -1, 0.5) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(1e21, 1e-7, 2 ** 53, 2 ** 53 + 2, Number.MIN_VALUE, Number.MAX_VALUE),
  },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
);
const scalar: fc.Arbitrary<JsonScalar> = fc.oneof(text, number, fc.boolean(), fc.constant(null));
const objectOf = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  // fromEntries makes a key of __proto__; an assignment would not.
  fc.array(fc.tuple(text, value), { maxLength: 4 }).map((entries) => Object.fromEntries(entries));

const { json } = fc.letrec<{ json: JsonValue }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 3, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(tie('json'), { maxLength: 4 }) },
    { weight: 1, arbitrary: objectOf(tie('json')) },
  ),
}));
const metadata: fc.Arbitrary<Metadata> = fc.option(objectOf(json), { freq: 15 });

const field = fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 }));
const scalars = fc.oneof(
  { weight: 2, arbitrary: fc.array(scalar, { maxLength: 5 }) },
  // Long enough to be searched by halves.
  { weight: 1, arbitrary: fc.array(scalar, { minLength: 17, maxLength: 80, size: 'max' }) },
);
const bound = fc.oneof(text, number);
const condition: fc.Arbitrary<MetadataCondition> = fc.oneof(
  fc.record({ field, eq: scalar }),
  fc.record({ field, ne: scalar }),
  fc.record({ field, in: scalars }),
  fc.record({ field, nin: scalars }),
  fc.record({ field, gt: bound }),
  fc.record({ field, gte: bound }),
  fc.record({ field, lt: bound }),
  fc.record({ field, lte: bound }),
  fc.record({ field, exists: fc.boolean() }),
  fc.record({ field, contains: json }),
);
const { filter } = fc.letrec<{ filter: MetadataFilter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    { weight: 4, arbitrary: condition },
    { weight: 1, arbitrary: fc.record({ and: fc.array(tie('filter'), { maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ or: fc.array(tie('filter'), { maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ not: tie('filter') }) },
  ),
}));

const pathOf = (of: MetadataFilter): string => metadataFilter.parse(of).path;

function metadataFilterSuite(database: string, open: () => Promise<MacroStore & AsyncDisposable>): void {
  describe(`metadata filters on ${database}`, () => {
    let store: MacroStore;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store[Symbol.asyncDispose]());

    /** The numbers of all pairs of a document and a filter that match. */
    async function matches(documents: readonly Metadata[], filters: readonly MetadataFilter[]) {
      const rows = await query<{ document: number; filter: number }>(
        store,
        sql`select document.number::int - 1 as document, filter.number::int - 1 as filter
          from jsonb_array_elements(${JSON.stringify(documents)}::jsonb) with ordinality as document(value, number)
          cross join lateral (select nullif(document.value, 'null') as metadata) as row
          cross join jsonb_array_elements_text(${JSON.stringify(filters.map(pathOf))}::jsonb)
            with ordinality as filter(path, number)
          where jsonb_path_match(coalesce(metadata, '{}'::jsonb), filter.path::jsonpath, '{}', true)`,
      );
      return new Set(rows.map((row) => `${row.document} ${row.filter}`));
    }

    /** Whether one document, as JSON text, matches; the filter goes the way of a search's parameter. */
    async function matchesText(document: string | null, of: MetadataFilter): Promise<boolean> {
      const rows = await query(
        store,
        sql`select from (select ${document}::jsonb as metadata) as document
          where jsonb_path_match(coalesce(metadata, '{}'::jsonb), ${pathOf(of)}::jsonpath, '{}', true)`,
      );
      return rows.length === 1;
    }

    it('mean what they are documented to mean, for any metadata and any filter', async () => {
      let pairs = 0;
      let matched = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(metadata, { minLength: 20, maxLength: 30 }),
          fc.array(filter, { minLength: 20, maxLength: 30 }),
          async (documents, filters) => {
            const found = await matches(documents, filters);
            const differing = filters.flatMap((of, f) =>
              documents
                .filter((document, d) => holds(of, document) !== found.has(`${d} ${f}`))
                .map((document) => JSON.stringify({ document, of, path: pathOf(of) })),
            );
            expect(differing).toEqual([]);
            pairs += documents.length * filters.length;
            matched += found.size;
          },
        ),
        { numRuns: 20 },
      );
      expect(pairs).toBeGreaterThan(2_000);
      expect(matched).toBeGreaterThan(pairs / 20);
      expect(matched).toBeLessThan((pairs * 19) / 20);
    }, 120_000);

    it('contain what jsonb contains, but nothing in a scalar', async () => {
      let contained = 0;
      const values = fc.array(json, { minLength: 20, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(values, values, async (fields, parts) => {
          const documents = fields.map((a) => ({ a }));
          const found = await matches(
            documents,
            parts.map((contains) => ({ field: 'a', contains })),
          );
          const rows = await query<{ document: number; filter: number }>(
            store,
            sql`select value.number::int - 1 as document, part.number::int - 1 as filter
              from jsonb_array_elements(${JSON.stringify(fields)}::jsonb) with ordinality as value(json, number)
              cross join jsonb_array_elements(${JSON.stringify(parts)}::jsonb) with ordinality as part(json, number)
              where value.json @> part.json and jsonb_typeof(value.json) in ('array', 'object')`,
          );
          expect([...found].sort()).toEqual(rows.map((row) => `${row.document} ${row.filter}`).sort());
          contained += found.size;
        }),
        { numRuns: 10 },
      );
      expect(contained).toBeGreaterThan(0);
    });

    it.each<[string | null, MetadataFilter, boolean]>([
      // Numbers that no double holds are compared as what they are.
      ['{"n": 9007199254740993}', { field: 'n', eq: 2 ** 53 }, false],
      ['{"n": 9007199254740993}', { field: 'n', gt: 2 ** 53 }, true],
      ['{"n": 1e400}', { field: 'n', gt: Number.MAX_VALUE }, true],
      ['{"n": 1.000}', { field: 'n', in: [1] }, true],
      ['{"n": [1.0]}', { field: 'n', contains: [1] }, true],
      // What never comes through the store, but may be in the table.
      [null, { not: { field: 'a', eq: 1 } }, true],
      [null, { field: 'a', exists: false }, true],
      ['null', { field: 'a', ne: 1 }, true],
      ['5', { field: 'a', eq: 5 }, false],
      ['[{"a": 5}]', { field: 'a', eq: 5 }, false],
      ['[{"a": 5}]', { not: { field: 'a', eq: 5 } }, true],
      // An array is not looked into but by contains.
      ['{"a": [1]}', { field: 'a', eq: 1 }, false],
      ['{"a": [1]}', { field: 'a', gte: 1 }, false],
      ['{"a": [{"b": 1}]}', { field: ['a', 'b'], eq: 1 }, false],
      ['{"a": 1}', { field: 'a', contains: 1 }, false],
      ['{"a": {"b": 1}}', { field: 'a.b', exists: true }, false],
      // Text that looks like another type is text.
      ['{"a": "1"}', { field: 'a', eq: 1 }, false],
      ['{"a": "10"}', { field: 'a', lt: '9' }, true],
      ['{"a": "2026-03-01"}', { field: 'a', gte: '2026-02-28T12:00:00Z' }, true],
      ['{"a": null}', { field: 'a', lte: 0 }, false],
      ['{"a": true}', { field: 'a', lte: 'true' }, false],
    ])('of %s answer %j with %s', async (document, of, expected) => {
      expect(await matchesText(document, of)).toBe(expected);
    });

    it('find each value of a long list and none between, whatever its type and script', async () => {
      const letters = ['a', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}'];
      const values = [
        ...letters.flatMap((first) => ['', ...letters].map((second) => first + second)),
        ...Array.from({ length: 60 }, (_, number) => (number - 30) / 4),
        ...[true, null, false, '', 'true', 'null', '1'],
      ];
      const listed = values.filter((_, index) => index % 2 === 0);
      const documents = values.map((a) => ({ a }));
      const found = await matches(documents, [
        { field: 'a', in: listed },
        { field: 'a', nin: listed },
      ]);
      expect(found).toEqual(new Set(values.map((_, index) => `${index} ${index % 2}`)));
    });

    it('work at every bound at once', async () => {
      const values = Array.from({ length: 1_000 }, (_, number) => number);
      const conditions = Array.from({ length: 99 }, (_, number) => ({ field: `${number}`, nin: ['x'] }));
      const all: MetadataFilter = { and: [{ field: 'n', in: values }, ...conditions] };
      const deep: MetadataFilter = { not: { not: { not: { not: { not: { not: all } } } } } };
      expect(await matchesText('{"n": 0}', deep)).toBe(true);
      expect(await matchesText('{"n": 999}', deep)).toBe(true);
      expect(await matchesText('{"n": 1000}', deep)).toBe(false);
      expect(await matchesText('{"n": 999, "98": "x"}', deep)).toBe(false);

      const path = Array.from({ length: 100 }, () => 'a');
      const nested = path.reduceRight<JsonValue>((inside, key) => ({ [key]: inside }), 'x'.repeat(10_000));
      expect(await matchesText(JSON.stringify(nested), { field: path, eq: 'x'.repeat(10_000) })).toBe(true);

      const lists: JsonValue = [[[[[[[['x']]]]]]]];
      const of: MetadataFilter = { field: 'a', contains: lists };
      expect(await matchesText(JSON.stringify({ a: lists }), of)).toBe(true);
      expect(await matchesText('{"a": [[[[[[[["y"]]]]]]]]}', of)).toBe(false);

      const items = Array.from({ length: 1_000 }, (_, number) => number);
      const whole: MetadataFilter = { field: 'a', contains: items };
      expect(await matchesText(JSON.stringify({ a: items }), whole)).toBe(true);
      expect(await matchesText(JSON.stringify({ a: items.slice(1) }), whole)).toBe(false);
    });
  });
}

metadataFilterSuite('PostgreSQL', async () => {
  const database = await createTestDatabase();
  const store = createMacroStore({ database: { url: database.url, max: 1 } });
  return {
    ...store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database.drop();
    },
  };
});

metadataFilterSuite('PGlite', async () => createMacroStore());
