import type { ResultAsync } from 'neverthrow';
import type { CallOptions } from '../database/executor.js';
import type { Embedding } from '../database/vector-wire.js';
import type { ReadError, StoreError } from '../errors.js';
import type { EmbeddingColumn } from '../schema/embedding-shape.js';
import type { OnReembedEvent } from './events.js';

/** Embeds texts with the new model: as many embeddings as texts, in their order. Its rejection ends the run. */
export type EmbedTexts = (
  texts: readonly string[],
  options: { readonly signal: AbortSignal },
) => Promise<readonly Embedding[]>;

/** How the steps of a re-embedding that need a table for themselves go about it. */
export interface ReembedLocking {
  /** How long to wait for another process that is at it. Default 10,000. */
  readonly lockWaitMs?: number;
  /** How long such a step may queue for the table, and so hold searches up, before it steps back. 1–60,000, default 500. */
  readonly lockTimeoutMs?: number;
  /** How long such a step is tried again. Default 60,000. */
  readonly retryForMs?: number;
}

export interface ReembedOptions extends ReembedLocking, CallOptions {
  readonly dimensions: number;
  /** Default: `vector`, and `halfvec` above 2,000 dimensions. */
  readonly column?: EmbeddingColumn;
  /** The new model's name, as `embedding.model` of the stores that are to use it. */
  readonly model: string;
  readonly embed: EmbedTexts;
  /** Texts in one call of `embed`, 1–1,000. Default 100. */
  readonly batchSize?: number;
  /** Calls of `embed` at a time, 1–32. Default 1. */
  readonly concurrency?: number;
  /** `maintenance_work_mem` for the indexes of the new table. Default `256MB`. */
  readonly maintenanceWorkMem?: string;
  readonly onProgress?: OnReembedEvent;
}

export interface ReembedReport {
  /** Rows written to the new table by this call. */
  readonly embedded: number;
  /** Rows that other processes wrote to the previous table meanwhile; the next call brings them over. */
  readonly pending: number;
  readonly durationMs: number;
}

/** What the vectors of a table are of. */
export interface VectorsOf {
  readonly dimensions: number;
  readonly column: EmbeddingColumn;
  /** `null`: nobody has recorded it. */
  readonly model: string | null;
}

export interface ReembedStatus {
  /**
   * `none`: never done. `backfilling`: the new table is being filled, searches go to the present one.
   * `cut-over`: the new table is in use, the previous one still there. `finished`: that one is gone.
   */
  readonly phase: 'none' | 'backfilling' | 'cut-over' | 'finished';
  readonly from: VectorsOf | null;
  readonly to: VectorsOf | null;
  /** Rows of the table that is left, those of them in the new one, and those known to be waiting; 0 outside of a re-embedding. */
  readonly rows: number;
  readonly embedded: number;
  readonly pending: number;
}

/** What a re-embedding can end in. */
export type ReembedError =
  | ReadError
  | StoreError<
      | 'reembed-refused'
      | 'callback-threw'
      | 'invalid-input'
      | 'dimension-mismatch'
      | 'pooler-refused'
      | 'migration-lock-timeout'
      | 'read-only'
    >;

/** Changes the embedding model of all vectors while they are in use. */
export interface Reembedding {
  /**
   * Embeds every text anew into a second table, and exchanges the two in one short transaction.
   *
   * Until then searches and writes go on with the present model; what is written meanwhile is brought over.
   * From then on a store configured for the new model uses the new table, and one that still has the old
   * configuration goes on with the previous table: redeploy the processes in any order. Both are kept in step
   * for deletions and changed texts; a new text of an old process is found by new ones once the next call has
   * embedded it, and a new text of a new process is never found by old ones.
   *
   * It may be stopped at any point, by its signal, an error or the process's end: the same call goes on from
   * there. Done when it gives `pending: 0` and no old process is left; then {@link dropPreviousEmbeddings}.
   *
   * Every text is sent to `embed` once, or again where it changed meanwhile. A write costs some 0.2 ms a row more while
   * this goes on. The exchange waits for running transactions on the table and holds new calls up for at most
   * `lockTimeoutMs`, and then for some milliseconds. Needs the right to create tables, the room for a second
   * table, and a direct connection, not one through a pooler in transaction mode.
   *
   * `callback-threw` when `embed` rejects; `invalid-input` or `dimension-mismatch`, naming `embeddings.3`, when
   * it gives what cannot be stored. `reembed-refused` says why it does not go on: another target is under
   * way, another process is at it, the application has a trigger, policy, view or foreign key of its own on the
   * table, or the table was not free.
   *
   * @example
   * const done = await store.vectors.reembed({
   *   dimensions: 3072,
   *   model: 'text-embedding-3-large',
   *   embed: async (texts, { signal }) => {
   *     const { data } = await openai.embeddings.create({ model: 'text-embedding-3-large', input: [...texts] }, { signal });
   *     return data.map(({ embedding }) => embedding);
   *   },
   * });
   */
  reembed(options: ReembedOptions): ResultAsync<ReembedReport, ReembedError>;
  /** How far it is. Counts both tables: about 0.1 s a million rows. */
  reembedStatus(options?: CallOptions): ResultAsync<ReembedStatus, ReadError>;
  /**
   * Drops the previous table after the cut-over, once every process is configured for the new model: one that
   * is not finds no table any more (`dimension-mismatch`). Refused (`rows-pending`) while it holds rows that the
   * new one does not; call `reembed` again for those.
   */
  dropPreviousEmbeddings(options?: ReembedLocking & CallOptions): ResultAsync<void, ReembedError>;
  /** Gives a re-embedding up before its cut-over, with all that was embedded so far. */
  abandonReembed(options?: ReembedLocking & CallOptions): ResultAsync<void, ReembedError>;
}
