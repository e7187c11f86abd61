import { type SQL, sql } from 'drizzle-orm';
import { isTable, type VectorPlace } from '../database/vector-tables.js';

/**
 * CTEs that delete vectors: from the store's table, and from the other one while both are in use after the
 * cut-over of a re-embedding, where a row may be in either. `v` is the vector. Their ids are in `deleted`.
 */
export function deletedVectors(place: VectorPlace, condition: SQL, using = sql``): SQL {
  const from = (table: string) =>
    sql`delete from ${sql.identifier(table)} v ${using} where ${condition} and ${isTable(place)} returning v.id`;
  if (place.otherTable === null) return sql`deleted as (${from(place.table)})`;
  return sql`deleted_here as (${from(place.table)}), deleted_there as (${from(place.otherTable)}),
    deleted as (select id from deleted_here union select id from deleted_there)`;
}
