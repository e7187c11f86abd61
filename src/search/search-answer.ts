import { pairSimilarities, pickDiverse } from './diversity.js';
import { encodeRankingCursor, MAX_RANK } from './ranking-cursor.js';
import type { CheckedSearch } from './search-input.js';
import type { FoundRows } from './search-runner.js';
import { type HitRow, isHit, type SearchRow } from './search-statement.js';
import type { ContextMessage, SearchAnswer, SemanticSearchResult } from './vector-search.js';

export function toHits(search: CheckedSearch, hits: readonly HitRow[]): readonly SemanticSearchResult[] {
  return (search.diversity > 0 ? diverse(search, hits) : hits).map(toHit);
}

export function toAnswer(search: CheckedSearch, found: FoundRows): SearchAnswer {
  const { rows, choice, scopeRows, isRetried } = found;
  const [figures] = rows;
  const hits = toHits(search, rows.filter(isHit));
  return {
    hits,
    nextCursor: nextCursor(search, rows),
    strategy: choice.strategy,
    scopeRows,
    candidates: choice.strategy === 'exact' ? scopeRows : (figures?.candidates ?? 0),
    underfilled: (figures?.remaining ?? 0) < search.limit,
    retried: isRetried,
    serverMs: figures?.serverMs ?? 0,
  };
}

function nextCursor({ limit, start, fingerprint, diversity }: CheckedSearch, rows: readonly SearchRow[]) {
  const last = rows.filter(isHit).at(-1);
  const rank = start.rank + limit;
  if (fingerprint === null || diversity > 0 || last === undefined) return null;
  // A page that is not full ended at the threshold or with the scope.
  if (rows.length < limit || rank > MAX_RANK) return null;
  return encodeRankingCursor({ distance: last.distance, id: last.id, rank }, fingerprint);
}

function diverse({ limit, diversity }: CheckedSearch, hits: readonly HitRow[]): readonly HitRow[] {
  const similarity = pairSimilarities(hits[0]?.pairs ?? null, hits.length);
  const relevance = hits.map(({ distance }) => 1 - distance);
  return pickDiverse(relevance, similarity, limit, diversity).flatMap((picked) => hits[picked] ?? []);
}

export function toHit(row: HitRow): SemanticSearchResult {
  const { id, content, chatId, messageId, metadata, createdAt, distance, contextBefore, contextAfter } = row;
  const hit = { id, content, chatId, messageId, metadata, createdAt, similarity: 1 - distance };
  if (contextBefore === undefined || contextAfter === undefined) return hit;
  return { ...hit, context: { before: contextBefore.map(toMessage), after: contextAfter.map(toMessage) } };
}

/** JSON has no dates. */
function toMessage(message: object): ContextMessage {
  const { createdAt, ...rest } = message as Omit<ContextMessage, 'createdAt'> & { createdAt: string };
  return { ...rest, createdAt: new Date(createdAt) };
}
