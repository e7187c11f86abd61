import { createHash } from 'node:crypto';
import type { EmbeddingShape } from '../schema/embedding-shape.js';

/** One numbered step of the schema, as shipped. */
export interface Migration {
  /** Its file name without `.sql`, e.g. `0001_tables`; ids sort in the order they apply. */
  readonly id: string;
  /** SHA-256 of the file, in hex: the hash that drizzle's own journal holds too. */
  readonly checksum: string;
  /** Written for the default embedding; see {@link renderStatement}. */
  readonly statements: readonly string[];
  /** `false`: one statement that PostgreSQL refuses inside a transaction, such as a concurrent index build. */
  readonly isTransactional: boolean;
  /** Set on a step that `migrate()` can leave out. */
  readonly optional: 'hnsw' | null;
  /** Older releases of this package cannot work on the schema after this step. */
  readonly isBreaking: boolean;
  /** The index that a non-transactional step builds. */
  readonly concurrentIndex: string | null;
}

const STATEMENT_BREAKPOINT = '--> statement-breakpoint';
const CONCURRENT_INDEX = /^create (?:unique )?index concurrently "(\w+)"/i;

/**
 * Reads a migration file. Header lines say what SQL cannot: `-- transactional: false`, `-- optional: hnsw`,
 * `-- breaking: true`.
 */
export function parseMigration(id: string, text: string): Migration {
  const directives = new Map(
    [...text.matchAll(/^-- (transactional|optional|breaking): (\w+)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]),
  );
  const statements = text
    .split(STATEMENT_BREAKPOINT)
    .map((statement) => statement.replace(/^--.*$/gm, '').trim())
    .filter((statement) => statement !== '');
  const isTransactional = directives.get('transactional') !== 'false';
  if (!isTransactional && statements.length !== 1) {
    // After a crash a step outside a transaction is done again from its start.
    throw new Error(`${id}: a migration outside a transaction must be one statement`);
  }
  return {
    id,
    checksum: createHash('sha256').update(text).digest('hex'),
    statements,
    isTransactional,
    optional: directives.get('optional') === 'hnsw' ? 'hnsw' : null,
    isBreaking: directives.get('breaking') === 'true',
    concurrentIndex: isTransactional ? null : (CONCURRENT_INDEX.exec(statements[0] ?? '')?.[1] ?? null),
  };
}

/**
 * The statement for a shape of embedding. The files are plain SQL for the default, so that they can be read
 * and run as they stand; their checksum does not depend on the shape, which the ledger records beside it.
 */
export function renderStatement(statement: string, { dimensions, column }: EmbeddingShape): string {
  return statement
    .replaceAll('vector(1536)', `${column}(${dimensions})`)
    .replaceAll('bit(1536)', `bit(${dimensions})`)
    .replaceAll('vector_cosine_ops', `${column}_cosine_ops`);
}
