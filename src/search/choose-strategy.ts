import type { EmbeddingShape } from '../schema/embedding-shape.js';
import type { StrategyName } from './strategies/strategy.js';

/** What is known when a strategy is chosen. */
export interface Situation {
  readonly shape: EmbeddingShape;
  /** Rows in the scope; `null` before the first search there. */
  readonly scopeRows: number | null;
  /** Rows of the table; `null` where the server has no statistics. */
  readonly tableRows: number | null;
  readonly isFiltered: boolean;
  /** How far down the ranking the answer reaches: the limit, and the pages before it. */
  readonly depth: number;
  /** Whether an HNSW index can serve: one on all rows, or one on this user's alone. */
  readonly hnsw: 'none' | 'all' | 'partial';
  /** What the recall of live searches calls for, 1 or more: a factor on candidates and `efSearch`. */
  readonly effort: number;
}

export interface Choice {
  readonly strategy: StrategyName;
  /** How many rows are compared by their real vectors at most. */
  readonly candidates: number;
  readonly efSearch: number;
}

/** Below this, a code says too little: 50 candidates of 256 dimensions hold 97 % of the true ten best, of 512 99.8 %. */
export const MIN_CODE_DIMENSIONS = 256;

const MAX_EF_SEARCH = 1_000;
const MIN_EF_SEARCH = 100;

// Microseconds of the server, measured with everything in memory (docs/performance.md). What counts is where
// the lines cross: exact and codes at 200 rows, codes and HNSW at 4,000 and above, by the share of the table.
const EXACT_ROW = 1.4;
const CODES_BASE = 60;
const CODES_ROW = 0.25;
const CODES_CANDIDATE = 4;
const HNSW_BASE = 1_400;
/** For each row that is passed over because it is out of scope. */
const HNSW_ROW = 5;
/** A filter may leave little; of the rows it is asked about, this share is taken to pass. */
const FILTER_SHARE = 0.2;

/** The strategy that costs least, by what is known of the scope; of an unknown scope, one that is safe at any size. */
export function chooseStrategy(situation: Situation): Choice {
  const costs = new Map<StrategyName, number>();
  const { scopeRows, isFiltered, hnsw } = situation;
  if (!isFiltered && situation.shape.dimensions >= MIN_CODE_DIMENSIONS)
    costs.set('codes', codesCost(situation));
  if (scopeRows !== null || costs.size === 0) costs.set('exact', (scopeRows ?? 0) * EXACT_ROW);
  if (scopeRows !== null && hnsw !== 'none') costs.set('hnsw', hnswCost(situation, scopeRows));
  const [cheapest = ['exact']] = [...costs].sort(([, one], [, other]) => one - other);
  return asChosen(cheapest[0], situation);
}

/** How the given strategy is run in this situation. */
export function asChosen(strategy: StrategyName, situation: Situation): Choice {
  const { depth, effort } = situation;
  const efSearch = Math.min(MAX_EF_SEARCH, Math.ceil(Math.max(MIN_EF_SEARCH, 4 * depth) * effort));
  if (strategy === 'exact') return { strategy, candidates: depth, efSearch };
  if (strategy === 'codes') return { strategy, candidates: codesCandidates(situation), efSearch };
  return { strategy, candidates: hnswCandidates(situation), efSearch };
}

/**
 * Six times the depth and 50 at least hold the true nearest of some thousand rows with 99.8 %; more rows have
 * more that come close.
 */
function codesCandidates({ depth, scopeRows, shape, effort }: Situation): number {
  const crowd = Math.max(1, ((scopeRows ?? 0) / 4_000) ** 0.4);
  const coarseness = Math.max(1, 512 / shape.dimensions);
  return Math.ceil(Math.max(50, 6 * depth) * crowd * coarseness * effort);
}

function hnswCandidates({ depth, effort }: Situation): number {
  return Math.ceil(Math.max(40, 2 * depth) * effort);
}

function codesCost(situation: Situation): number {
  return CODES_BASE + (situation.scopeRows ?? 0) * CODES_ROW + codesCandidates(situation) * CODES_CANDIDATE;
}

function hnswCost(situation: Situation, scopeRows: number): number {
  const { tableRows, isFiltered, hnsw } = situation;
  const ofTable =
    hnsw === 'partial' || tableRows === null ? 1 : Math.min(1, scopeRows / Math.max(1, tableRows));
  const share = ofTable * (isFiltered ? FILTER_SHARE : 1);
  const visited = hnswCandidates(situation) / Math.max(share, 1e-6);
  return HNSW_BASE + Math.max(0, visited - MIN_EF_SEARCH) * HNSW_ROW;
}
