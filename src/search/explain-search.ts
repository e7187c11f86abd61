import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Executor } from '../database/executor.js';
import type { VectorPlace } from '../database/vector-tables.js';
import type { JsonObject, JsonValue } from '../schema/column-types.js';
import type { CheckedSearch } from './search-input.js';
import type { SearchRunner } from './search-runner.js';
import { searchStatement } from './search-statement.js';
import type { SearchError, SearchExplanation } from './vector-search.js';

interface PlanRow {
  readonly 'QUERY PLAN': readonly [{ readonly Plan: JsonObject }];
}

/** Runs the search as it would be run now, and gives the server's account of it. */
export function explainSearch(
  runner: SearchRunner,
  executor: Executor,
  search: CheckedSearch,
): ResultAsync<SearchExplanation, SearchError> {
  return runner.onTable(search, (place) => new ResultAsync(explainOn(place, runner, executor, search)));
}

async function explainOn(
  place: VectorPlace,
  runner: SearchRunner,
  executor: Executor,
  search: CheckedSearch,
): Promise<Result<SearchExplanation, SearchError>> {
  const planned = await runner.plan(search, place);
  if (planned.isErr()) return err(planned.error);
  const { variant, params, settings, choice } = planned.value;
  const statement = searchStatement(variant);
  const explained = {
    operation: search.operation,
    name: null,
    text: `explain (analyze, buffers, format json) ${statement.text}`,
    parameterNames: statement.parameterNames,
  };
  const rows = await executor.read<typeof params, PlanRow>(explained, params, {
    ...search.options,
    settings,
  });
  return rows.andThen(([row]) =>
    ok({
      strategy: choice.strategy,
      candidates: choice.candidates,
      plan: withoutVectors(row?.['QUERY PLAN'][0].Plan ?? {}) as JsonObject,
    }),
  );
}

const VECTOR = /'\[[^\]]*\]'::(\w+\.)?(vector|halfvec)(\(\d+\))?|'\[[^\]]*\]'/g;

/** The plan of a single call has its values in it: kilobytes of embedding in each condition. */
function withoutVectors(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.replace(VECTOR, '$embedding');
  if (Array.isArray(value)) return value.map(withoutVectors);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutVectors(inner)]));
}
