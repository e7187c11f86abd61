import { sql } from 'drizzle-orm';
import type { Strategy } from './strategy.js';

/**
 * Ranks every vector in scope by its true distance: one page a row, so for scopes of some hundred rows, and
 * for filters, which have to look at every row anyway.
 *
 * `+ 0` keeps the HNSW index out: it filters after its scan, and so gives a small user fewer hits than there
 * are, or none. What is left is the index of the scope and a top-N sort.
 */
export const exactStrategy: Strategy = ({ table, columns, query, scope, filter, count }) => sql`
  select ${columns}, (v.embedding <=> ${query}) + 0 as distance
  from ${table} v
  where ${scope.indexed} ${filter}
  order by distance, v.id
  limit ${count}`;
