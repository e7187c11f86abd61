import { SESSION_SETTINGS, type SessionSettings } from '../database/session-settings.js';
import type { VectorPlace } from '../database/vector-tables.js';
import type { Choice, Situation } from './choose-strategy.js';
import type { CheckedSearch } from './search-input.js';
import type { SearchParams, SearchVariant } from './search-statement.js';

/** A statement with its values, and what it is to find. */
export interface PlannedSearch {
  readonly variant: SearchVariant;
  readonly params: SearchParams;
  readonly settings: SessionSettings;
  readonly choice: Choice;
}

/** A filtered walk of the graph that finds nothing is ended after so many rows (about 20 ms), since it will be repeated by another strategy. */
const FILTERED_MAX_SCAN_TUPLES = 5_000;

/** Every field by name and no spread: this is on the way of each search, and spreads were its dearest part. */
export function planSearch(
  search: CheckedSearch,
  place: VectorPlace,
  situation: Situation,
  choice: Choice,
  isMeasured: boolean,
): PlannedSearch {
  const { scope, scopeParams, filterParams, start, context } = search;
  const isHnsw = choice.strategy === 'hnsw';
  return {
    choice,
    variant: {
      strategy: choice.strategy,
      table: place.table,
      tableOid: place.tableOid,
      column: place.column,
      scope,
      isFiltered: search.isFiltered,
      indexedField: isHnsw ? null : search.indexedField,
      isMeasured,
      hasContext: context !== null,
      hasPairs: search.diversity > 0,
      partialHnswOf: isHnsw && situation.hnsw === 'partial' ? scopeParams.userId : null,
    },
    params: {
      userId: scopeParams.userId,
      chatId: scopeParams.chatId,
      messageIds: scopeParams.messageIds,
      metadata: filterParams.metadata,
      roles: filterParams.roles,
      createdFrom: filterParams.createdFrom,
      createdUntil: filterParams.createdUntil,
      fieldValues: search.fieldValues,
      embedding: search.embedding,
      candidates: choice.candidates,
      limit: situation.depth - start.rank,
      threshold: search.threshold,
      afterDistance: start.distance,
      afterId: start.id,
      before: context?.before ?? 0,
      after: context?.after ?? 0,
    },
    settings: isHnsw ? hnswSettings(search, choice) : SESSION_SETTINGS,
  };
}

function hnswSettings({ scope, isFiltered }: CheckedSearch, { efSearch }: Choice): SessionSettings {
  return {
    ...SESSION_SETTINGS,
    'hnsw.ef_search': `${efSearch}`,
    // Whatever the settings and statistics say: without it, the first six calls on a connection could make
    // a scan and sort of the whole table the plan of all that follow. Some messages have an index of theirs.
    ...(scope === 'messages' ? {} : { enable_sort: 'off' }),
    ...(isFiltered ? { 'hnsw.max_scan_tuples': `${FILTERED_MAX_SCAN_TUPLES}` } : {}),
  };
}
