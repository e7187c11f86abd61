import type { HnswShape } from './index-definition.js';
import type { VectorIndexKind } from './vector-index-kind.js';

/**
 * - `missing`: searches need it.
 * - `invalid`: left by a build that was cut off; it serves nobody and costs every insert.
 * - `differs`: an index of our name that indexes something else.
 * - `build-hnsw`: a user is large enough for a graph to be worth its cost.
 * - `raise-maintenance-work-mem`: a build of this graph would not fit.
 * - `reindex-before-vacuum`: many dead rows, which VACUUM takes out of a graph one by one.
 */
export type IndexAdviceCode =
  | 'missing'
  | 'invalid'
  | 'differs'
  | 'build-hnsw'
  | 'raise-maintenance-work-mem'
  | 'reindex-before-vacuum';

export interface IndexAdvice {
  readonly code: IndexAdviceCode;
  /** What it means and what to call. */
  readonly message: string;
}

/** One index, as the server's catalog has it. */
export interface VectorIndexStatus {
  readonly name: string;
  readonly kind: VectorIndexKind;
  readonly exists: boolean;
  /** Used by searches. */
  readonly isValid: boolean;
  /** By a session of this role; the server does not show those of others. */
  readonly isBuilding: boolean;
  readonly sizeBytes: number;
  /** The server's print of it, or `null` where it does not exist. */
  readonly definition: string | null;
  /** The user of a partial index. */
  readonly userId: string | null;
  /** The field of a metadata index. */
  readonly metadataField: string | null;
  readonly hnsw: (HnswShape & { readonly column: string; readonly operatorClass: string }) | null;
  /**
   * What a build of this graph needs, estimated as rows × (bytes of a vector + links), and what it has unless
   * `maintenanceWorkMem` says otherwise; `null` for other kinds. Within 5 % of where pgvector 0.8.0 reports
   * that its graph no longer fits.
   */
  readonly buildMemory: { readonly neededBytes: number; readonly availableBytes: number } | null;
  readonly advice: readonly IndexAdvice[];
}

/** The indexes of the vectors, and the numbers that the advice is made of. */
export interface VectorIndexesStatus {
  /** As the server estimates them. */
  readonly liveRows: number;
  readonly deadRows: number;
  /** The rows of the largest user, by the server's statistics; `null` before the first ANALYZE. */
  readonly largestUserRows: number | null;
  /** Covering, full-text and HNSW first, there or not; then each partial and metadata index that is there. */
  readonly indexes: readonly VectorIndexStatus[];
  /** Left under temporary names by work that was cut off; the next `ensure` or `rebuild` drops them. */
  readonly leftovers: readonly string[];
}
