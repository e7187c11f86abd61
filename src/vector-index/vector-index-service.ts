import type { ResultAsync } from 'neverthrow';
import type { CallOptions } from '../database/executor.js';
import type { ReadError, StoreError } from '../errors.js';
import type { OnVectorIndexEvent } from './vector-index-event.js';
import type { VectorIndexKind } from './vector-index-kind.js';
import type { VectorIndexesStatus } from './vector-index-status.js';

/** What all index work takes. */
export interface IndexWorkOptions extends CallOptions {
  /** How long to wait for another session that migrates or works on the indexes. Default 600,000. */
  readonly lockWaitMs?: number;
  readonly onProgress?: OnVectorIndexEvent;
  /**
   * Cancels the build on the server and drops what it left, which may take up to 5 seconds. Embedded, it ends
   * the work between two indexes.
   */
  readonly signal?: AbortSignal;
}

export interface IndexBuildOptions extends IndexWorkOptions {
  /** `maintenance_work_mem` of the builds, e.g. `2GB`. Default: the server's own, at least `256MB`. */
  readonly maintenanceWorkMem?: string;
  /** `max_parallel_maintenance_workers` of the builds, 0–1,024. Default: the server's own. */
  readonly parallelWorkers?: number;
}

export interface HnswTuning {
  /** Links a vector, 2–100. Default 16. */
  readonly m?: number;
  /** Candidates while building, 4–1,000 and at least 2 × `m`. Default 64, or 2 × `m` where that is more. */
  readonly efConstruction?: number;
}

export interface HnswOptions extends HnswTuning {
  /**
   * Partial indexes, each for one of so many users with the most vectors, 1–100; none of all vectors. The
   * planner takes one only for a statement that names its user, by a literal or in a plan made for the value.
   */
  readonly heaviestUsers?: number;
  /** The vectors that a user must have to be one of the heaviest. Default 8,000: below, the codes answer sooner. */
  readonly minUserRows?: number;
  /** Partial indexes for these users, 1–100 ids; none of all vectors. */
  readonly users?: readonly string[];
}

export interface EnsureIndexesOptions extends IndexBuildOptions {
  /** Default `true`: one index of all vectors. `false` builds none, and leaves one that is there. */
  readonly hnsw?: boolean | HnswOptions;
  /** Top-level metadata fields to index by user and value, at most 50. */
  readonly metadataFields?: readonly string[];
}

/** Which indexes of a kind with several. Default: all that are there. */
export interface IndexSelection {
  /** Of kind `partial-hnsw`. */
  readonly users?: readonly string[];
  /** Of kind `metadata`. */
  readonly metadataFields?: readonly string[];
}

/** Tuning is for graphs; default: that of the index that is replaced. */
export type RebuildIndexOptions = IndexBuildOptions & IndexSelection & HnswTuning;
export type DropIndexOptions = IndexWorkOptions & IndexSelection;

/** The names of what was done; all empty where there was nothing to do. */
export interface EnsureIndexesReport {
  readonly built: readonly string[];
  /** Were there and valid, and were taken as they are. */
  readonly existing: readonly string[];
  /** Those of `existing` whose `m` or `efConstruction` is not what was asked for: `rebuild` changes it. */
  readonly differing: readonly string[];
  /** Leftovers that were dropped. */
  readonly swept: readonly string[];
}

export interface RebuildIndexReport {
  readonly rebuilt: readonly string[];
  readonly swept: readonly string[];
}

export interface DropIndexReport {
  readonly dropped: readonly string[];
}

/** `conflict`: an index of that name indexes something else. */
export type VectorIndexError =
  | ReadError
  | StoreError<
      | 'invalid-input'
      | 'conflict'
      | 'dimension-mismatch'
      | 'pooler-refused'
      | 'migration-lock-timeout'
      | 'read-only'
      | 'callback-threw'
    >;

/**
 * The care of the vectors' indexes, on a connection of its own and concurrently with reads and writes.
 *
 * One session at a time works on a schema's indexes, and none while another migrates it. What is cut off,
 * at whatever point, is cleared up by the next `ensure` or `rebuild`; searches have a valid index throughout.
 * The role must own the table. On the embedded database everything else waits for a build.
 *
 * Never await a build inside a transaction's work: it waits for every transaction that began before it and has
 * written to the vectors. `store.close()` does not end it; its signal does.
 */
export interface VectorIndexService {
  /** Which indexes are there, how large, and what to do about them; changes nothing. One round trip. */
  status(options?: CallOptions): ResultAsync<VectorIndexesStatus, VectorIndexError>;
  /**
   * Builds what is missing or invalid, and drops leftovers. The covering and the full-text index always; HNSW
   * unless `hnsw` says otherwise. A valid index is taken as it is. With nothing to do it costs one round trip,
   * so that every replica may call it when it starts.
   *
   * Partial HNSW indexes and those of metadata are kept up by every insert, as all are: a graph costs about
   * 2 ms a row.
   *
   * @example
   * const report = await store.vectors.index.ensure({
   *   hnsw: { m: 24, efConstruction: 128 },
   *   maintenanceWorkMem: '2GB',
   *   onProgress: (event) => {
   *     if (event.type === 'index-build') console.log(event.index, event.phase, event.percent);
   *   },
   * });
   */
  ensure(options?: EnsureIndexesOptions): ResultAsync<EnsureIndexesReport, VectorIndexError>;
  /**
   * Builds the index anew beside the old one, gives it the name in one short transaction, and drops the old
   * one. For bloat, and for other `m` and `efConstruction`. Needs the space of both meanwhile. One that is
   * missing is built.
   */
  rebuild(
    kind: VectorIndexKind,
    options?: RebuildIndexOptions,
  ): ResultAsync<RebuildIndexReport, VectorIndexError>;
  /**
   * Drops the indexes of a kind; a later `migrate()` does not bring the HNSW index back. Searches go on
   * without it.
   */
  drop(
    kind: 'hnsw' | 'partial-hnsw' | 'metadata',
    options?: DropIndexOptions,
  ): ResultAsync<DropIndexReport, VectorIndexError>;
}
