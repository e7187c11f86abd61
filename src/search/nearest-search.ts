import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { Executor } from '../database/executor.js';
import type { VectorPlace } from '../database/vector-tables.js';
import type { ScopeSize, ScopeSizes } from './scope-sizes.js';
import type { CheckedSearch } from './search-input.js';
import { type FoundRows, type SearchRunner, SINGLE } from './search-runner.js';
import { type HitRow, isHit, isWithin, nearestStatement } from './search-statement.js';
import type { SearchError } from './vector-search.js';

export interface NearestParts {
  readonly runner: SearchRunner;
  readonly executor: Executor;
  readonly sizes: ScopeSizes;
}

/**
 * The hits of a search without its figures. Where nothing but the nearest is asked for, and the scope need not
 * be counted, that takes a third less of the server's time, and half the reading.
 */
export class NearestSearch {
  constructor(private readonly parts: NearestParts) {}

  run(search: CheckedSearch): ResultAsync<FoundRows<HitRow>, SearchError> {
    return this.parts.runner.onTable(search, (place) => this.runOn(place, search));
  }

  private async runOn(
    place: VectorPlace,
    search: CheckedSearch,
  ): Promise<Result<FoundRows<HitRow>, SearchError>> {
    const { runner, executor, sizes } = this.parts;
    const size = sizes.find(search);
    if (!asksForNearestOnly(search, size)) return this.withFigures(place, search);
    const planned = await runner.plan(search, place, false);
    if (planned.isErr()) return err(planned.error);
    const { variant, params, settings, choice } = planned.value;
    const isWalk = choice.strategy === 'hnsw';
    // Through a filter a walk of the graph comes back short as a rule, and would be done twice.
    if (isWalk && search.isFiltered) return this.withFigures(place, search);
    const options = { ...search.options, settings };
    const read = await executor.read(nearestStatement(variant), params, options);
    if (read.isErr()) return err(read.error);
    const rows = read.value;
    // The walk may have given up; and vectors without a distance may have kept better ones out of the candidates.
    // The figures tell how to go on.
    const isShort = isWalk && rows.length < search.limit;
    if (isShort || rows.some(({ distance }) => Number.isNaN(distance))) {
      return this.withFigures(place, search);
    }
    this.noteLength(search, size, rows.length);
    return ok({
      rows: rows.filter(({ distance }) => isWithin(distance, search.threshold)),
      choice,
      scopeRows: size?.rows ?? rows.length,
      isRetried: false,
    });
  }

  private async withFigures(
    place: VectorPlace,
    search: CheckedSearch,
  ): Promise<Result<FoundRows<HitRow>, SearchError>> {
    const found = await this.parts.runner.runOn(place, search, SINGLE);
    return found.map((all) => ({ ...all, rows: all.rows.filter(isHit) }));
  }

  /** Rows before the threshold: where they are fewer than asked for, they are the whole scope. */
  private noteLength(search: CheckedSearch, size: ScopeSize | null, length: number): void {
    if (length === search.limit) {
      if (size === null) this.parts.sizes.meet(search);
    } else if (!search.isFiltered && search.indexedField === null) {
      this.parts.sizes.learn(search, length);
    }
  }
}

function asksForNearestOnly(search: CheckedSearch, size: ScopeSize | null): boolean {
  return (
    search.diversity === 0 &&
    search.context === null &&
    search.start.rank === 0 &&
    (size === null || size.isFresh)
  );
}
