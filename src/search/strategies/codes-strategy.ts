import { sql } from 'drizzle-orm';
import type { Strategy } from './strategy.js';

/**
 * Ranks the scope by the Hamming distance of 1-bit codes, which stand in the index of the scope: some thirty
 * rows a page, and no row is looked at. Only the best are compared by their real vectors.
 *
 * The ids go through an array, not a join: the planner then has one way to fetch the rows, by their key. Both
 * sorts end with the id, so that equal rows are the same rows every time.
 */
export const codesStrategy: Strategy = ({ table, columns, query, code, scope, filter, count }) => sql`
  select ${columns}, (v.embedding <=> ${query}) + 0 as distance
  from ${table} v
  where v.id = any (array(
    select near.id from (
      select v.id, v.embedding_code <~> ${code} as hamming
      from ${table} v
      where ${scope.indexed} ${filter}
      order by hamming, v.id
      limit ${count}
    ) near
  ))`;
