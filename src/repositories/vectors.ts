import type { ResultAsync } from 'neverthrow';
import type { CallOptions } from '../database/executor.js';
import type { Embedding } from '../database/vector-wire.js';
import type { InvalidInputError, ReadError, StoreError, WriteError } from '../errors.js';
import type { JsonObject } from '../schema/column-types.js';
import type { Page } from './cursor.js';

/** A stored vector, without its embedding: 6 KB that no list needs. */
export interface VectorRecord {
  readonly id: string;
  readonly userId: string;
  readonly chatId: string;
  readonly messageId: string | null;
  readonly content: string;
  readonly metadata: JsonObject | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** The name of the model that computed its embedding; `null` where the configuration did not give one. */
  readonly model: string | null;
}

export interface VectorBody {
  /** Default: a new UUID v7. A vector of the user with the same id is replaced. */
  readonly id?: string;
  readonly chatId: string;
  /** The message it is made of; a message of the same chat. Default: none, e.g. for a piece of a document. */
  readonly messageId?: string | null;
  /** The text that was embedded, as searches give it back. */
  readonly content: string;
  readonly embedding: Embedding;
  readonly metadata?: JsonObject | null;
}

export type NewVector = VectorBody & { readonly userId: string };
export interface NewVectors {
  readonly userId: string;
  /** 1–100,000, each id once. */
  readonly vectors: readonly VectorBody[];
}

export interface ListVectors {
  readonly userId: string;
  readonly chatId?: string;
  /** 1–1,000, default 100. */
  readonly limit?: number;
  readonly cursor?: string;
}

export type InsertVectorsError = WriteError | StoreError<'not-found' | 'dimension-mismatch'>;

export interface ImportOptions extends CallOptions {
  /**
   * What an id that is stored already does: end the import with `conflict` (the default), or replace the
   * vector, if it is the same user's. `replace` needs the room for all rows twice while it runs.
   */
  readonly onConflict?: 'fail' | 'replace';
  /**
   * `rebuild` drops the HNSW index, loads, and builds it anew without blocking writers: the faster way
   * where the rows are many against those stored. Searches are right all the time, and those of very large
   * users slower until it is back. Not in a transaction. Default: `keep`.
   */
  readonly hnsw?: 'keep' | 'rebuild';
  /** Called with every new phase, and at most five times a second within one. A throw ends the import. */
  readonly onProgress?: (progress: ImportProgress) => void;
}

export interface ImportProgress {
  /** `replacing` with `onConflict: 'replace'` only, and the two of the index with `hnsw: 'rebuild'` only. */
  readonly phase: 'dropping-hnsw' | 'loading' | 'replacing' | 'rebuilding-hnsw';
  /** Rows the database has taken, in `replacing` those in their place. They stay if all do. */
  readonly rows: number;
  /** Bytes sent to the database. */
  readonly bytes: number;
  readonly elapsedMs: number;
  /**
   * What searches find at this moment: `rows` of this import (none before all are committed), and whether
   * the index for very large users is there. All others never need it.
   */
  readonly searchable: { readonly rows: number; readonly hnsw: 'as-before' | 'dropped' };
}

export interface ImportReport {
  readonly rows: number;
  /** Bytes sent to the database. */
  readonly bytes: number;
  readonly elapsedMs: number;
}

export type ImportVectorsError = InsertVectorsError | StoreError<'callback-threw' | 'hnsw-switch-failed'>;

/** Embedded texts. Every call is in the scope of one user. */
export interface VectorRepository {
  /** Adds or replaces one vector and gives its id. `not-found` for a chat or message that is not the user's. */
  insert(vector: NewVector, options?: CallOptions): ResultAsync<string, InsertVectorsError>;
  /**
   * Adds or replaces vectors, all or none, in one round trip for every 500, and gives their ids in order.
   * Embeddings travel as binary arrays: about 12,000 a second of 1,536 dimensions.
   *
   * @example
   * const ids = await store.vectors.insertMany({
   *   userId,
   *   vectors: chunks.map((chunk) => ({ chatId, content: chunk.text, embedding: chunk.embedding })),
   * });
   */
  insertMany(vectors: NewVectors, options?: CallOptions): ResultAsync<readonly string[], InsertVectorsError>;
  /**
   * Loads any number of vectors of any users, all or none, by COPY: the fastest way, in constant memory. No
   * more rows are taken from the source than the database keeps up with.
   *
   * A row that is refused, an unknown chat or message, an id that is there twice, a throw of the source or an
   * abort ends it, and nothing stays. The error tells the row by its place in the source, from 0: as the
   * path `rows.1234.content`, or as `row`. The source is closed whatever happens.
   *
   * It holds one connection, in one transaction, for as long as the source takes. In `store.transaction` it
   * is part of that. Where there is no COPY (embedded, or a pool of clients in pipeline mode) it inserts.
   *
   * @example
   * async function* rows() {
   *   for await (const line of lines) yield { userId, chatId, content: line, embedding: await embed(line) };
   * }
   * const report = await store.vectors.import(rows(), { onProgress: ({ rows }) => console.log(rows) });
   */
  import(
    source: AsyncIterable<NewVector> | Iterable<NewVector>,
    options?: ImportOptions,
  ): ResultAsync<ImportReport, ImportVectorsError>;
  /** The vectors of one message, by id. */
  findByMessage(
    ref: { readonly userId: string; readonly messageId: string },
    options?: CallOptions,
  ): ResultAsync<readonly VectorRecord[], ReadError | InvalidInputError>;
  /** A page of the user's vectors, chat by chat, then by id. */
  list(
    input: ListVectors,
    options?: CallOptions,
  ): ResultAsync<Page<VectorRecord>, ReadError | InvalidInputError>;
  /** `false`: there was none. */
  delete(
    ref: { readonly userId: string; readonly vectorId: string },
    options?: CallOptions,
  ): ResultAsync<boolean, WriteError>;
  /** How many were deleted. */
  deleteByMessage(
    ref: { readonly userId: string; readonly messageId: string },
    options?: CallOptions,
  ): ResultAsync<number, WriteError>;
  /** How many were deleted. */
  deleteByChat(
    ref: { readonly userId: string; readonly chatId: string },
    options?: CallOptions,
  ): ResultAsync<number, WriteError>;
  /** Reads the covering index of the scope: about 0.1 ms a thousand. */
  count(
    input: { readonly userId: string; readonly chatId?: string },
    options?: CallOptions,
  ): ResultAsync<number, ReadError | InvalidInputError>;
}
