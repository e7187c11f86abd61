import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { EmbeddingGuard } from '../database/embedding-guard.js';
import type { Executor } from '../database/executor.js';
import type { Statement } from '../database/statement.js';
import type { VectorPlace } from '../database/vector-tables.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { asChosen, type Choice, chooseStrategy, type Situation } from './choose-strategy.js';
import { type PlannedSearch, planSearch } from './planned-search.js';
import type { ApproximateStrategy } from './recall-tuning.js';
import type { ScopeSizes } from './scope-sizes.js';
import type { CheckedSearch } from './search-input.js';
import {
  type SearchParams,
  type SearchRow,
  type SearchVariant,
  searchStatement,
} from './search-statement.js';
import type { TableFactsReader } from './table-facts.js';
import type { SearchError } from './vector-search.js';

/** What a search gave, before it is made an answer. */
export interface FoundRows<Row = SearchRow> {
  readonly rows: readonly Row[];
  readonly choice: Choice;
  readonly scopeRows: number;
  readonly isRetried: boolean;
}

/** How much more than the default live recall calls for, by strategy. */
export type Effort = (strategy: ApproximateStrategy) => number;

export interface RunnerParts {
  readonly executor: Executor;
  readonly shape: EmbeddingShape;
  readonly guard: EmbeddingGuard;
  readonly sizes: ScopeSizes;
  readonly tables: TableFactsReader;
  readonly effort: Effort;
}

/** What is sent for a search: alone, in a batch, or as half of another. */
export interface SearchForm<Params, Row extends SearchRow> {
  statement(variant: SearchVariant, scopeRows: number | null): Statement<Params, Row>;
  params(params: SearchParams): Params;
}

export const SINGLE: SearchForm<SearchParams, SearchRow> = {
  statement: searchStatement,
  params: (params) => params,
};

/** Diverse hits are picked out of this many times as many. */
const DIVERSITY_POOL = 4;

/** Runs searches: chooses, learns from each answer, and repeats what came back short. */
export class SearchRunner {
  constructor(private readonly parts: RunnerParts) {}

  /** Does the work on the store's table; once more where a re-embedding has exchanged it meanwhile. */
  onTable<T, E extends SearchError = SearchError>(
    { operation, options }: Pick<CheckedSearch, 'operation' | 'options'>,
    work: (place: VectorPlace) => PromiseLike<Result<T, E>>,
  ): ResultAsync<T, SearchError> {
    const { guard, executor } = this.parts;
    return guard.run(operation, executor, options, work);
  }

  /** What the search would be by what is known now; where the size is not, or no longer, it counts the scope. */
  async plan(
    search: CheckedSearch,
    place: VectorPlace,
    isMeasured = this.isCountDue(search),
  ): Promise<Result<PlannedSearch, SearchError>> {
    const situation = await this.situationOf(search, place);
    if (situation.isErr()) return err(situation.error);
    return ok(planSearch(search, place, situation.value, choiceFor(search, situation.value), isMeasured));
  }

  run<Params, Row extends SearchRow>(
    search: CheckedSearch,
    form: SearchForm<Params, Row>,
  ): ResultAsync<FoundRows<Row>, SearchError> {
    return this.onTable(search, (place) => this.runOn(place, search, form));
  }

  /** {@link run}, where the table is known. */
  async runOn<Params, Row extends SearchRow>(
    place: VectorPlace,
    search: CheckedSearch,
    form: SearchForm<Params, Row>,
  ): Promise<Result<FoundRows<Row>, SearchError>> {
    const first = await this.plan(search, place);
    if (first.isErr()) return err(first.error);
    let planned = first.value;
    for (let attempt = 1; ; attempt += 1) {
      const { variant, params, settings } = planned;
      const statement = form.statement(variant, this.parts.sizes.find(search)?.rows ?? null);
      const options = { ...search.options, settings };
      const read = await this.parts.executor.read(statement, form.params(params), options);
      if (read.isErr()) return err(read.error);
      const rows = read.value;
      const figures = worstFigures(rows);
      const scopeRows = this.learn(search, variant, figures);
      const next = this.nextAttempt(search, place, planned, figures, scopeRows);
      if (next === null) return ok({ rows, choice: planned.choice, scopeRows, isRetried: attempt > 1 });
      planned = next;
    }
  }

  /** The next, more thorough attempt; `null` where this one has given all there is. */
  private nextAttempt(
    search: CheckedSearch,
    place: VectorPlace,
    { choice, variant, params }: PlannedSearch,
    { candidates, remaining, isIndexReady }: Figures,
    scopeRows: number,
  ): PlannedSearch | null {
    if (!isIndexReady) this.parts.tables.forget(variant.table);
    if (remaining >= params.limit) return null;
    const situation: Situation = { ...this.blindSituation(search), scopeRows };
    const isMeasured = this.isCountDue(search);
    if (choice.strategy === 'hnsw') {
      // The walk gave up, or passed over rows; the index of the scope has them all. A count from before may
      // be of fewer rows than there are.
      const hasAll = isIndexReady && variant.isMeasured && !search.isFiltered && candidates >= scopeRows;
      return hasAll ? null : planSearch(search, place, situation, chooseStrategy(situation), isMeasured);
    }
    // Fewer than were asked for: the scope, or what the filter leaves of it, has no more.
    if (candidates < params.candidates) return null;
    return planSearch(search, place, situation, { ...choice, candidates: choice.candidates * 2 }, isMeasured);
  }

  /** Whether the size of the scope is not known, or no longer. */
  private isCountDue(search: CheckedSearch): boolean {
    return !this.parts.sizes.find(search)?.isFresh;
  }

  private learn(search: CheckedSearch, variant: SearchVariant, { scopeRows }: Figures): number {
    if (variant.isMeasured && scopeRows !== null) this.parts.sizes.learn(search, scopeRows);
    return scopeRows ?? this.parts.sizes.find(search)?.rows ?? 0;
  }

  private async situationOf(
    search: CheckedSearch,
    { table }: VectorPlace,
  ): Promise<Result<Situation, SearchError>> {
    const blind = this.blindSituation(search);
    const size = this.parts.sizes.find(search);
    const known = { ...blind, scopeRows: size?.rows ?? null };
    // Rows of some messages, or of a metadata field, are found by an index of their own.
    if (search.scope === 'messages' || search.indexedField !== null) return ok(known);
    const mayUseHnsw = search.forced.strategy === 'hnsw' || (size?.rows ?? 0) >= MIN_HNSW_ROWS;
    if (!mayUseHnsw) return ok(known);
    const read = await this.parts.tables.read(table, search.options);
    return read.map((facts) => {
      const hnsw = facts.hnswFor(search.scopeParams.userId);
      const effort =
        chooseStrategy({ ...known, hnsw, tableRows: facts.rows }).strategy === 'hnsw' ? 'hnsw' : 'codes';
      return { ...known, hnsw, tableRows: facts.rows, effort: this.parts.effort(effort) };
    });
  }

  /** Without anything that has to be looked up. */
  private blindSituation(search: CheckedSearch): Situation {
    const pool = search.diversity > 0 ? search.limit * DIVERSITY_POOL : search.limit;
    return {
      shape: this.parts.shape,
      scopeRows: null,
      tableRows: null,
      isFiltered: search.isFiltered || search.indexedField !== null || search.scope === 'messages',
      depth: search.start.rank + pool,
      hnsw: 'none',
      effort: this.parts.effort('codes'),
    };
  }
}

function choiceFor({ forced }: CheckedSearch, situation: Situation): Choice {
  const { strategy, candidates, efSearch } = forced;
  const choice = strategy === undefined ? chooseStrategy(situation) : asChosen(strategy, situation);
  if (candidates === undefined && efSearch === undefined) return choice;
  return {
    strategy: choice.strategy,
    candidates:
      candidates === undefined || choice.strategy === 'exact'
        ? choice.candidates
        : Math.max(candidates, situation.depth),
    efSearch: efSearch ?? choice.efSearch,
  };
}

type Figures = Pick<SearchRow, 'candidates' | 'remaining' | 'isIndexReady' | 'scopeRows'>;

/** Of a batch, those of the query that came back shortest. */
function worstFigures([first, ...others]: readonly SearchRow[]): Figures {
  if (first === undefined) throw new Error('a search gives its figures in every case');
  return others.reduce((worst, row) => (row.remaining < worst.remaining ? row : worst), first);
}

/** Below this HNSW cannot be the cheapest, so that its index need not be looked up. */
const MIN_HNSW_ROWS = 3_000;
