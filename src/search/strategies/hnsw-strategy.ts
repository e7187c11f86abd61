import { type SQL, sql } from 'drizzle-orm';
import type { Strategy } from './strategy.js';

/**
 * Walks the HNSW index from the query outwards and passes over what is out of scope, for scopes that are a
 * large part of the table. With `hnsw.iterative_scan = relaxed_order` it goes on until it has enough, nearly
 * in order; the statement around it sorts.
 *
 * The scope is opaque to the planner, so that no other index can serve it; the threshold stands outside,
 * since inside a threshold that nothing meets makes the scan walk to its end. Without a valid index
 * `isReady` is false, and nothing is scanned at all: the planner's other way would be to sort the whole table.
 */
export const hnswStrategy =
  (isReady: SQL): Strategy =>
  ({ table, columns, query, scope, filter, count }) =>
    sql`
  select ${columns}, v.embedding <=> ${query} as distance
  from ${table} v
  where ${isReady} and ${scope.opaque} ${filter}
  order by v.embedding <=> ${query}
  limit ${count}`;
