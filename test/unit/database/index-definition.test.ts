import { describe, expect, test } from 'vitest';
import { isSameIndex } from '../../../src/database/index-definition.js';

const OURS = 'CREATE INDEX CONCURRENTLY "x" ON "t" USING btree ("a","b") INCLUDE ("c")';

describe('isSameIndex', () => {
  test.each([
    ['the server prints it', 'CREATE INDEX x ON public.t USING btree (a, b) INCLUDE (c)'],
    ['its schema needs quotes', 'CREATE INDEX x ON "My schema.v2".t USING btree (a, b) INCLUDE (c)'],
    ['it has another name', 'CREATE INDEX y ON public.t USING btree (a, b) INCLUDE (c)'],
    [
      'it has other storage parameters',
      "CREATE INDEX x ON public.t USING btree (a, b) INCLUDE (c) WITH (fillfactor='70')",
    ],
  ])('holds where %s', (_what, theirs) => {
    expect(isSameIndex(OURS, theirs)).toBe(true);
  });

  test.each([
    ['unique', 'CREATE UNIQUE INDEX x ON public.t USING btree (a, b) INCLUDE (c)'],
    ['of another table', 'CREATE INDEX x ON public.u USING btree (a, b) INCLUDE (c)'],
    ['of other columns', 'CREATE INDEX x ON public.t USING btree (b, a) INCLUDE (c)'],
    ['partial', 'CREATE INDEX x ON public.t USING btree (a, b) INCLUDE (c) WHERE (a > 1)'],
    ['of another method', 'CREATE INDEX x ON public.t USING hash (a, b) INCLUDE (c)'],
  ])('does not hold where theirs is %s', (_what, theirs) => {
    expect(isSameIndex(OURS, theirs)).toBe(false);
  });

  test('is not misled by what a literal holds', () => {
    const ours = `CREATE INDEX CONCURRENTLY "x" ON "t" USING btree (f(("m" -> ' on a.b using gin (with (m=1)'::text)))`;
    const theirs = `CREATE INDEX x ON public.t USING btree (f((m -> ' on a.b using gin (with (m=1)'::text)))`;
    expect(isSameIndex(ours, theirs)).toBe(true);
  });

  test('tells a partial index by its predicate, whatever its tuning', () => {
    const partial = (m: number, user: string) =>
      `CREATE INDEX x ON t USING hnsw (e vector_cosine_ops) WITH (m=${m}, ef_construction='64') WHERE (u = '${user}'::uuid)`;
    expect(isSameIndex(partial(16, 'a'), partial(24, 'a'))).toBe(true);
    expect(isSameIndex(partial(16, 'a'), partial(16, 'b'))).toBe(false);
  });
});
