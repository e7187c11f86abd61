import type { SQL } from 'drizzle-orm';

/** How a search finds its candidates. */
export type StrategyName = 'exact' | 'codes' | 'hnsw';

/** The parts that a strategy puts its statement together from; the table goes by the alias `v`. */
export interface SearchParts {
  readonly table: SQL;
  /** The columns of a candidate, besides its `distance`. */
  readonly columns: SQL;
  /** The query in the type of the column, and its 1-bit code; of one row, so that neither is computed again for every row. */
  readonly query: SQL;
  readonly code: SQL;
  readonly scope: ScopeConditions;
  /** Conditions on single rows, beginning with `and`; empty where there are none. */
  readonly filter: SQL;
  /** How many candidates at most. */
  readonly count: SQL;
}

/** Which rows may be found at all, in two forms that mean the same. */
export interface ScopeConditions {
  /** For the index of the scope. */
  readonly indexed: SQL;
  /** For no index: a condition to be checked on rows that another index gives. */
  readonly opaque: SQL;
}

/**
 * A query for candidates: rows of `columns` and `distance`, the nearest of the scope, in no order that
 * counts. Its shape must leave the planner one plan, since it is prepared once for users of every size.
 */
export type Strategy = (parts: SearchParts) => SQL;
