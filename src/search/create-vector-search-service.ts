import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { EmbeddingGuard } from '../database/embedding-guard.js';
import type { Executor } from '../database/executor.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import type { Telemetry } from '../telemetry.js';
import { explainSearch } from './explain-search.js';
import { hybridSearch } from './hybrid-search.js';
import { NearestSearch } from './nearest-search.js';
import { probeRecall } from './recall-probe.js';
import { RecallSampler } from './recall-sampler.js';
import { RecallTuning } from './recall-tuning.js';
import { ScopeSizes } from './scope-sizes.js';
import { toAnswer, toHits } from './search-answer.js';
import {
  checkHybridSearch,
  checkPagedSearch,
  checkSearchMany,
  checkSemanticSearch,
  type SearchInputError,
} from './search-input.js';
import { searchMany } from './search-many.js';
import { type FoundRows, SearchRunner, SINGLE } from './search-runner.js';
import { isHit } from './search-statement.js';
import { TableFactsReader } from './table-facts.js';
import type { SearchError, VectorSearchService } from './vector-search.js';

export interface VectorSearchParts {
  readonly executor: Executor;
  readonly shape: EmbeddingShape;
  readonly guard: EmbeddingGuard;
  readonly indexedMetadata: readonly string[];
  readonly recallSampleRate: number;
  readonly recallTarget: number;
  readonly clock: () => number;
  readonly telemetry: Telemetry;
}

export function createVectorSearchService(parts: VectorSearchParts): VectorSearchService {
  const { executor, shape, guard, clock, indexedMetadata, telemetry } = parts;
  const settings = { dimensions: shape.dimensions, wire: executor.wire, indexedMetadata };
  const tuning = new RecallTuning(parts.recallTarget);
  const sizes = new ScopeSizes(clock);
  const runner = new SearchRunner({
    executor,
    shape,
    guard,
    sizes,
    tables: new TableFactsReader(executor, clock),
    effort: (strategy) => tuning.effort(strategy),
  });
  const nearest = new NearestSearch({ runner, executor, sizes });
  const sampler = new RecallSampler({
    nearest,
    tuning,
    telemetry,
    rate: parts.recallSampleRate,
  });
  const counts = { searches: { exact: 0, codes: 0, hnsw: 0 }, retried: 0 };

  const note = ({ choice, isRetried }: Pick<FoundRows, 'choice' | 'isRetried'>) => {
    counts.searches[choice.strategy] += 1;
    if (isRetried) counts.retried += 1;
  };

  return {
    semanticSearch: (...input) =>
      running(checkSemanticSearch('vectorSearch.semanticSearch', settings, input), async (search) => {
        const found = await nearest.run(search);
        if (found.isErr()) return err(found.error);
        note(found.value);
        sampler.offer(search, found.value);
        return ok(toHits(search, found.value.rows));
      }),

    search: (...input) =>
      running(checkPagedSearch('vectorSearch.search', settings, input), async (search) => {
        const found = await runner.run(search, SINGLE);
        if (found.isErr()) return err(found.error);
        note(found.value);
        sampler.offer(search, { ...found.value, rows: found.value.rows.filter(isHit) });
        return ok(toAnswer(search, found.value));
      }),

    searchMany: (...input) =>
      guard.run('vectorSearch.searchMany', executor, input[2], ({ vectorOid }) =>
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

    probeRecall: (options = {}) => new ResultAsync(probeRecall(runner, executor, settings, options)),

    stats: () => ({
      searches: { ...counts.searches },
      retried: counts.retried,
      recall: { codes: tuning.state('codes'), hnsw: tuning.state('hnsw') },
    }),
  };
}

function running<Checked, T>(
  checked: Result<Checked, SearchInputError>,
  run: (checked: Checked) => PromiseLike<Result<T, SearchError>>,
): ResultAsync<T, SearchError> {
  return new ResultAsync(
    Promise.resolve<Result<T, SearchError>>(checked.isErr() ? err(checked.error) : run(checked.value)),
  );
}
