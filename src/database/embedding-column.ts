import { type StoreError, storeError } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';

/**
 * One row: the type of the column `embedding`, e.g. `vector(1536)`. No row: the table is not there.
 * `table` is an SQL expression for its oid.
 */
export const embeddingColumnSql = (table: string) => `
  select format_type(atttypid, atttypmod) as type
  from pg_attribute
  where attrelid = ${table} and attname = 'embedding' and not attisdropped`;

/** The shape in a type such as `vector(1536)` or `extensions.halfvec(3072)`. */
export function parseEmbeddingType(type: string): EmbeddingShape | null {
  const [, column, dimensions] = /(vector|halfvec)\((\d+)\)$/.exec(type) ?? [];
  if (column === undefined) return null;
  return { column: column as EmbeddingShape['column'], dimensions: Number(dimensions) };
}

/** The error for a store that is configured otherwise than its database was migrated, or `null`. */
export function embeddingMismatch(
  operation: string,
  configured: EmbeddingShape,
  migrated: EmbeddingShape,
): StoreError<'dimension-mismatch'> | null {
  if (configured.dimensions === migrated.dimensions && configured.column === migrated.column) return null;
  const message =
    `the store is configured for ${configured.column}(${configured.dimensions}), but the database was migrated ` +
    `for ${migrated.column}(${migrated.dimensions}); set embedding accordingly`;
  return storeError('dimension-mismatch', operation, message, {
    expected: migrated.dimensions,
    actual: configured.dimensions,
  });
}
