import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { EmbeddingGuard } from '../database/embedding.js';
import type { Executor } from '../database/executor.js';
import type { Embedding } from '../database/vector-wire.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { explainSearch } from './explain-search.js';
import { ScopeSizes } from './scope-sizes.js';
import { toAnswer, toHits } from './search-answer.js';
import { type CheckedSearch, checkSearch } from './search-input.js';
import { type FoundRows, SearchRunner } from './search-runner.js';
import { TableFactsReader } from './table-facts.js';
import type { SearchError, SearchOptions, VectorSearchService } from './vector-search.js';

export interface VectorSearchParts {
  readonly executor: Executor;
  readonly shape: EmbeddingShape;
  readonly guard: EmbeddingGuard;
  readonly indexedMetadata: readonly string[];
  readonly clock: () => number;
}

export function createVectorSearchService(parts: VectorSearchParts): VectorSearchService {
  const { executor, shape, clock } = parts;
  const settings = {
    dimensions: shape.dimensions,
    wire: executor.wire,
    indexedMetadata: parts.indexedMetadata,
  };
  const runner = new SearchRunner({
    ...parts,
    sizes: new ScopeSizes(clock),
    tables: new TableFactsReader(executor, clock),
    effort: () => 1,
  });

  /** Checks the input, then has it run. */
  const checked = <T>(
    operation: string,
    { isPaged }: { readonly isPaged: boolean },
    [queryEmbedding, userId, options]: readonly [Embedding, string, (SearchOptions | undefined)?],
    run: (search: CheckedSearch) => Promise<Result<T, SearchError>>,
  ): ResultAsync<T, SearchError> => {
    const search = checkSearch(operation, settings, queryEmbedding, userId, options, { isPaged });
    return new ResultAsync(search.isErr() ? Promise.resolve(err(search.error)) : run(search.value));
  };
  const answered =
    <T>(toResult: (search: CheckedSearch, found: FoundRows) => T) =>
    async (search: CheckedSearch): Promise<Result<T, SearchError>> => {
      const found = await runner.run(search);
      return found.isErr() ? err(found.error) : ok(toResult(search, found.value));
    };

  return {
    semanticSearch: (...input) =>
      checked('vectorSearch.semanticSearch', { isPaged: false }, input, answered(toHits)),
    search: (...input) => checked('vectorSearch.search', { isPaged: true }, input, answered(toAnswer)),
    explain: (...input) =>
      checked('vectorSearch.explain', { isPaged: true }, input, (search) =>
        explainSearch(runner, executor, search),
      ),
  };
}
