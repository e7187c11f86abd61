import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { err, ok, type Result } from 'neverthrow';
import { type Entity, notFound, type StoreError, type WriteErrorKind } from '../errors.js';

/** Every column of a table under its property name, for a select list or RETURNING. */
export function columnsOf<T extends PgTable>(table: T, omit: readonly (keyof T['_']['columns'])[] = []): SQL {
  const columns = Object.entries(getTableColumns(table)).filter(([name]) => !omit.includes(name));
  return sql.join(
    columns.map(([name, column]) => sql`${sql.identifier(column.name)} as ${sql.identifier(name)}`),
    sql`, `,
  );
}

export function firstRow<T>(rows: readonly T[]): T | null {
  return rows[0] ?? null;
}

export function firstRowOr<T>(operation: string, entity: Entity) {
  return (rows: readonly T[]): Result<T, StoreError<'not-found'>> => {
    const [row] = rows;
    return row === undefined ? err(notFound(operation, entity)) : ok(row);
  };
}

/** Whether a statement that returns the rows it changed has changed one. */
export function hasRows(rows: readonly unknown[]): boolean {
  return rows.length > 0;
}

/** A violated foreign key is a parent that is not there: says which one. */
export function missingParent(operation: string, constraints: Readonly<Record<string, Entity>>) {
  return (error: StoreError<WriteErrorKind>): StoreError<WriteErrorKind | 'not-found'> => {
    if (error.kind !== 'conflict') return error;
    const entity = constraints[error.constraint];
    return entity === undefined ? error : notFound(operation, entity);
  };
}
