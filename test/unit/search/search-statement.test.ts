import { describe, expect, it } from 'vitest';
import { type SearchVariant, searchStatement } from '../../../src/search/search-statement.js';

const both = [false, true] as const;

/** Every text that one store can come to send, with a declared field and a partial index. */
const variants: SearchVariant[] = (['exact', 'codes', 'hnsw'] as const).flatMap((strategy) =>
  (['vector', 'halfvec'] as const).flatMap((column) =>
    (['user', 'chat', 'messages'] as const).flatMap((scope) =>
      both.flatMap((isFiltered) =>
        both.flatMap((isMeasured) =>
          both.flatMap((hasContext) =>
            both.flatMap((hasPairs) =>
              [
                { indexedField: null, partialHnswOf: null },
                { indexedField: "it's a field", partialHnswOf: null },
                { indexedField: null, partialHnswOf: '0198c1de-0000-7000-8000-00000000000a' },
                { indexedField: null, partialHnswOf: '0198c1de-0000-7000-8000-00000000000b' },
              ].map((part) => ({
                strategy,
                table: 'chat_vectors' as const,
                tableOid: '1',
                column,
                scope,
                isFiltered,
                isMeasured,
                hasContext,
                hasPairs,
                ...part,
              })),
            ),
          ),
        ),
      ),
    ),
  ),
);

describe('searchStatement', () => {
  it('has a name of its own for every text, of the 63 bytes by which the server knows it', () => {
    const textOf = new Map<string, string>();
    for (const variant of variants) {
      const { name, text } = searchStatement(variant);
      const known = `${name}`.slice(0, 63);
      expect(Buffer.byteLength(`${name}`)).toBeLessThanOrEqual(63);
      expect(textOf.get(known) ?? text).toBe(text);
      textOf.set(known, text);
    }
    expect(textOf.size).toBeGreaterThan(300);
  });

  it('compiles each variant once', () => {
    for (const variant of variants.slice(0, 20)) {
      expect(searchStatement({ ...variant })).toBe(searchStatement(variant));
    }
  });

  it('is called the same in errors, whatever the variant', () => {
    expect(new Set(variants.map((variant) => searchStatement(variant).operation))).toEqual(
      new Set(['vectorSearch.search']),
    );
  });

  it('reads the embedding of a row for distances alone, and gives none back', () => {
    for (const variant of variants.filter(({ hasPairs }) => !hasPairs)) {
      const [, selected = ''] =
        /select\s+hits\.id,([\s\S]*?)\sfrom \(/.exec(searchStatement(variant).text) ?? [];
      expect(selected).toContain('hits.content');
      expect(selected).not.toContain('embedding');
    }
  });
});
