import { err, ok, type Result } from 'neverthrow';
import { toHits } from './search-answer.js';
import type { CheckedSearch } from './search-input.js';
import { searchManyStatement } from './search-many-statement.js';
import type { SearchRunner } from './search-runner.js';
import { isHit } from './search-statement.js';
import type { SearchError, SemanticSearchResult } from './vector-search.js';

/** The hits of each query, in the order of the queries. */
export async function searchMany(
  runner: SearchRunner,
  search: CheckedSearch,
  queryCount: number,
): Promise<Result<readonly (readonly SemanticSearchResult[])[], SearchError>> {
  const found = await runner.run(search, { statement: searchManyStatement, params: (params) => params });
  if (found.isErr()) return err(found.error);
  const hits = found.value.rows.filter(isHit);
  return ok(
    Array.from({ length: queryCount }, (_, index) =>
      toHits(
        search,
        hits.filter(({ query }) => query === index + 1),
      ),
    ),
  );
}
