import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { EmbeddingGuard } from '../database/embedding.js';
import type { Executor } from '../database/executor.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { explainSearch } from './explain-search.js';
import { hybridSearch } from './hybrid-search.js';
import { ScopeSizes } from './scope-sizes.js';
import { toAnswer, toHits } from './search-answer.js';
import {
  type CheckedSearch,
  checkHybridSearch,
  checkPagedSearch,
  checkSearchMany,
  checkSemanticSearch,
  type SearchInputError,
} from './search-input.js';
import { searchMany } from './search-many.js';
import { type FoundRows, SearchRunner, SINGLE } from './search-runner.js';
import { TableFactsReader } from './table-facts.js';
import type { SearchError, VectorSearchService } from './vector-search.js';

export interface VectorSearchParts {
  readonly executor: Executor;
  readonly shape: EmbeddingShape;
  readonly guard: EmbeddingGuard;
  readonly indexedMetadata: readonly string[];
  readonly clock: () => number;
}

export function createVectorSearchService(parts: VectorSearchParts): VectorSearchService {
  const { executor, shape, guard, clock, indexedMetadata } = parts;
  const settings = { dimensions: shape.dimensions, wire: executor.wire, indexedMetadata };
  const runner = new SearchRunner({
    executor,
    shape,
    guard,
    sizes: new ScopeSizes(clock),
    tables: new TableFactsReader(executor, clock),
    effort: () => 1,
  });

  const answered =
    <T>(toResult: (search: CheckedSearch, found: FoundRows) => T) =>
    async (search: CheckedSearch): Promise<Result<T, SearchError>> => {
      const found = await runner.run(search, SINGLE);
      return found.isErr() ? err(found.error) : ok(toResult(search, found.value));
    };

  return {
    semanticSearch: (...input) =>
      running(checkSemanticSearch('vectorSearch.semanticSearch', settings, input), answered(toHits)),

    search: (...input) =>
      running(checkPagedSearch('vectorSearch.search', settings, input), answered(toAnswer)),

    searchMany: (...input) =>
      guard
        .check('vectorSearch.searchMany', executor, input[2])
        .andThen(({ vectorOid }) =>
          running(checkSearchMany('vectorSearch.searchMany', settings, input, vectorOid), (search) =>
            searchMany(runner, search, input[0].length),
          ),
        ),

    hybridSearch: (...input) =>
      running(checkHybridSearch('vectorSearch.hybridSearch', settings, input), ({ search, text }) =>
        hybridSearch(runner, search, text),
      ),

    explain: (...input) =>
      running(checkPagedSearch('vectorSearch.explain', settings, input), (search) =>
        explainSearch(runner, executor, search),
      ),
  };
}

function running<Checked, T>(
  checked: Result<Checked, SearchInputError>,
  run: (checked: Checked) => Promise<Result<T, SearchError>>,
): ResultAsync<T, SearchError> {
  return new ResultAsync(checked.isErr() ? Promise.resolve(err(checked.error)) : run(checked.value));
}
