import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { EmbeddingGuard } from '../database/embedding-guard.js';
import type { Executor } from '../database/executor.js';
import { SESSION_SETTINGS, type SessionSettings } from '../database/session-settings.js';
import type { Statement } from '../database/statement.js';
import type { VectorPlace } from '../database/vector-tables.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { asChosen, type Choice, chooseStrategy, type Situation } from './choose-strategy.js';
import type { ApproximateStrategy } from './recall-tuning.js';
import type { ScopeSize, ScopeSizes } from './scope-sizes.js';
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
export interface FoundRows<Row extends SearchRow = SearchRow> {
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

/** A statement with its values, and what it is to find. */
export interface PlannedSearch {
  readonly variant: SearchVariant;
  readonly params: SearchParams;
  readonly settings: SessionSettings;
  readonly choice: Choice;
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
/** A filtered walk of the graph that finds nothing is ended after so many rows (about 20 ms), since it will be repeated by another strategy. */
const FILTERED_MAX_SCAN_TUPLES = 5_000;

/** Runs searches: chooses, learns from each answer, and repeats what came back short. */
export class SearchRunner {
  constructor(private readonly parts: RunnerParts) {}

  /** Does the work on the store's table; once more where a re-embedding has exchanged it meanwhile. */
  onTable<T>(
    { operation, options }: Pick<CheckedSearch, 'operation' | 'options'>,
    work: (place: VectorPlace) => ResultAsync<T, SearchError>,
  ): ResultAsync<T, SearchError> {
    const { guard, executor } = this.parts;
    return guard.run(operation, executor, options, work);
  }

  /** What the search would be by what is known now. */
  async plan(search: CheckedSearch, place: VectorPlace): Promise<Result<PlannedSearch, SearchError>> {
    const situation = await this.situationOf(search, place);
    if (situation.isErr()) return err(situation.error);
    const { strategy, ...forced } = search.forced;
    const choice =
      strategy === undefined ? chooseStrategy(situation.value) : asChosen(strategy, situation.value);
    return ok(
      this.planned(search, place, situation.value, {
        strategy: choice.strategy,
        candidates:
          forced.candidates === undefined || choice.strategy === 'exact'
            ? choice.candidates
            : Math.max(forced.candidates, situation.value.depth),
        efSearch: forced.efSearch ?? choice.efSearch,
      }),
    );
  }

  run<Params, Row extends SearchRow>(
    search: CheckedSearch,
    form: SearchForm<Params, Row>,
  ): ResultAsync<FoundRows<Row>, SearchError> {
    return this.onTable(search, (place) => new ResultAsync(this.runOn(place, search, form)));
  }

  private async runOn<Params, Row extends SearchRow>(
    place: VectorPlace,
    search: CheckedSearch,
    form: SearchForm<Params, Row>,
  ): Promise<Result<FoundRows<Row>, SearchError>> {
    const first = await this.plan(search, place);
    if (first.isErr()) return err(first.error);
    let planned = first.value;
    for (let attempt = 1; ; attempt += 1) {
      const { variant, params, settings } = planned;
      const statement = form.statement(variant, this.sizeOf(search)?.rows ?? null);
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
    if (choice.strategy === 'hnsw') {
      // The walk gave up, or passed over rows; the index of the scope has them all. A count from before may
      // be of fewer rows than there are.
      const hasAll = isIndexReady && variant.isMeasured && !search.isFiltered && candidates >= scopeRows;
      return hasAll ? null : this.planned(search, place, situation, chooseStrategy(situation));
    }
    // Fewer than were asked for: the scope, or what the filter leaves of it, has no more.
    if (candidates < params.candidates) return null;
    return this.planned(search, place, situation, { ...choice, candidates: choice.candidates * 2 });
  }

  private learn(search: CheckedSearch, variant: SearchVariant, { scopeRows }: Figures): number {
    const key = scopeKey(search);
    if (key !== null && variant.isMeasured && scopeRows !== null) this.parts.sizes.learn(key, scopeRows);
    return scopeRows ?? this.sizeOf(search)?.rows ?? 0;
  }

  private sizeOf(search: CheckedSearch): ScopeSize | null {
    const key = scopeKey(search);
    return key === null ? null : this.parts.sizes.find(key);
  }

  private async situationOf(
    search: CheckedSearch,
    { table }: VectorPlace,
  ): Promise<Result<Situation, SearchError>> {
    const blind = this.blindSituation(search);
    const size = this.sizeOf(search);
    const known = { ...blind, scopeRows: size?.rows ?? null };
    // Rows of some messages, or of a metadata field, are found by an index of their own.
    if (search.scope === 'messages' || search.indexedField !== null) return ok(known);
    const mayUseHnsw = search.forced.strategy === 'hnsw' || (size !== null && size.rows >= MIN_HNSW_ROWS);
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

  private planned(
    search: CheckedSearch,
    { table, tableOid, column }: VectorPlace,
    situation: Situation,
    choice: Choice,
  ): PlannedSearch {
    const isHnsw = choice.strategy === 'hnsw';
    const isFresh = this.sizeOf(search)?.isFresh ?? false;
    return {
      choice,
      variant: {
        strategy: choice.strategy,
        table,
        tableOid,
        column,
        scope: search.scope,
        isFiltered: search.isFiltered,
        indexedField: isHnsw ? null : search.indexedField,
        isMeasured: !isFresh,
        hasContext: search.context !== null,
        hasPairs: search.diversity > 0,
        partialHnswOf: isHnsw && situation.hnsw === 'partial' ? search.scopeParams.userId : null,
      },
      params: {
        ...search.scopeParams,
        ...search.filterParams,
        fieldValues: search.fieldValues,
        embedding: search.embedding,
        candidates: choice.candidates,
        limit: situation.depth - search.start.rank,
        threshold: search.threshold,
        afterDistance: search.start.distance,
        afterId: search.start.id,
        before: search.context?.before ?? 0,
        after: search.context?.after ?? 0,
      },
      settings: {
        ...SESSION_SETTINGS,
        ...(isHnsw ? { 'hnsw.ef_search': `${choice.efSearch}` } : {}),
        // Whatever the settings and statistics say: without it, the first six calls on a connection could make
        // a scan and sort of the whole table the plan of all that follow. Some messages have an index of theirs.
        ...(isHnsw && search.scope !== 'messages' ? { enable_sort: 'off' } : {}),
        ...(isHnsw && search.isFiltered ? { 'hnsw.max_scan_tuples': `${FILTERED_MAX_SCAN_TUPLES}` } : {}),
      },
    };
  }
}

type Figures = Pick<SearchRow, 'candidates' | 'remaining' | 'isIndexReady' | 'scopeRows'>;

/** Of a batch, those of the query that came back shortest. */
function worstFigures([first, ...others]: readonly SearchRow[]): Figures {
  if (first === undefined) throw new Error('a search gives its figures in every case');
  return others.reduce((worst, row) => (row.remaining < worst.remaining ? row : worst), first);
}

/** Below this HNSW cannot be the cheapest, so that its index need not be looked up. */
const MIN_HNSW_ROWS = 3_000;

/** `null`: not worth remembering. */
function scopeKey({ scope, scopeParams: { userId, chatId } }: CheckedSearch): string | null {
  if (scope === 'messages') return null;
  return chatId === null ? userId : `${userId} ${chatId}`;
}
