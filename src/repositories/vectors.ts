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

/** Embedded texts. Every call is in the scope of one user. */
export interface VectorRepository {
  /** Adds or replaces one vector and gives its id. `not-found` for a chat or message that is not the user's. */
  insert(vector: NewVector, options?: CallOptions): ResultAsync<string, InsertVectorsError>;
  /**
   * Adds or replaces vectors, all or none, in one round trip, and gives their ids in order. Embeddings
   * travel as one binary array: about 12,000 a second of 1,536 dimensions.
   *
   * @example
   * const ids = await store.vectors.insertMany({
   *   userId,
   *   vectors: chunks.map((chunk) => ({ chatId, content: chunk.text, embedding: chunk.embedding })),
   * });
   */
  insertMany(vectors: NewVectors, options?: CallOptions): ResultAsync<readonly string[], InsertVectorsError>;
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
