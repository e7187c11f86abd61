import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { BUNDLED_SQL } from '../../../src/migrations/bundled-sql.js';
import { parseMigration, renderStatement } from '../../../src/migrations/migration.js';

describe('parseMigration', () => {
  test('splits at breakpoints, drops comment lines and empty statements', () => {
    const { statements } = parseMigration(
      '0000_x',
      '-- why\nselect 1;\n--> statement-breakpoint\n-- then\nselect 2;--> statement-breakpoint\n',
    );
    expect(statements).toEqual(['select 1;', 'select 2;']);
  });

  test('reads its head lines', () => {
    const text =
      '-- transactional: false\n-- optional: hnsw\n-- breaking: true\ncreate index concurrently "i" on "t" ("c");';
    expect(parseMigration('0000_x', text)).toMatchObject({
      isTransactional: false,
      optional: 'hnsw',
      isBreaking: true,
      concurrentIndex: 'i',
    });
  });

  test('takes a file without them as transactional, required and compatible', () => {
    expect(parseMigration('0000_x', 'create index "i" on "t" ("c");')).toMatchObject({
      isTransactional: true,
      optional: null,
      isBreaking: false,
      concurrentIndex: null,
    });
  });

  test('names the text by its SHA-256, as the journal of drizzle does', () => {
    const text = 'select 1;\n';
    expect(parseMigration('0000_x', text).checksum).toBe(createHash('sha256').update(text).digest('hex'));
    expect(parseMigration('0000_x', `${text} `).checksum).not.toBe(parseMigration('0000_x', text).checksum);
  });

  test('refuses two statements outside a transaction', () => {
    const text = '-- transactional: false\nselect 1;\n--> statement-breakpoint\nselect 2;';
    expect(() => parseMigration('0000_x', text)).toThrow(/one statement/);
  });
});

describe('renderStatement', () => {
  const halfvec = { column: 'halfvec', dimensions: 512 } as const;

  test('leaves the files as they are for the default shape', () => {
    const shape = { column: 'vector', dimensions: 1536 } as const;
    for (const statement of MIGRATIONS.flatMap(({ statements }) => statements)) {
      expect(renderStatement(statement, shape)).toBe(statement);
    }
  });

  test('leaves nothing of the default shape for another', () => {
    const rendered = MIGRATIONS.flatMap(({ statements }) => statements)
      .map((it) => renderStatement(it, halfvec))
      .join();
    expect(rendered).not.toMatch(/1536|\bvector\(|vector_cosine/);
    expect(rendered).toMatch(/"embedding" halfvec\(512\)/);
    expect(rendered).toMatch(/"embedding_code" bit\(512\)/);
    expect(rendered).toMatch(/halfvec_cosine_ops/);
  });
});

describe('the migrations of this release', () => {
  test('have ids that sort in the order they apply', () => {
    const ids = BUNDLED_SQL.map(([id]) => id);
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
  });
});
