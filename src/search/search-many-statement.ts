import { sql } from 'drizzle-orm';
import { parameter, perVariant } from '../database/statement.js';
import { type SearchParams, type SearchRow, type SearchVariant, searchQuery } from './search-statement.js';

export interface BatchRow extends SearchRow {
  /** Which query of the batch, counted from 1. */
  readonly query: number;
}

/** The same search once for each query of the array, one after the other on the server. */
export const searchManyStatement = perVariant<SearchVariant, SearchParams, BatchRow>(
  'vectorSearch.searchMany',
  (variant) => {
    const vector = sql`embedding${variant.column === 'halfvec' ? sql`::halfvec` : sql``}`;
    const query = { embedding: sql`queries.embedding`, code: sql`queries.code` };
    return sql`
      with queries as materialized (
        select ordinal, ${vector} as embedding, binary_quantize(${vector}) as code
        from unnest(${parameter('embedding')}::vector[]) with ordinality as given (embedding, ordinal)
      )
      select queries.ordinal::int as query, answer.*
      from queries cross join lateral (${searchQuery(variant, query)}) answer
      order by queries.ordinal, answer.distance, answer.id`;
  },
);
