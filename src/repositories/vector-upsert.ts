import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import type { EmbeddingColumnFacts, EmbeddingGuard } from '../database/embedding-guard.js';
import type { CallOptions, Executor } from '../database/executor.js';
import type { TransactionError } from '../database/transaction.js';
import {
  invalidInput,
  notFound,
  type StoreError,
  storeError,
  unredactedCauseOf,
  type WriteError,
} from '../errors.js';
import { checkInput, id } from '../input.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { sqlStateOf } from '../sql-state.js';
import { TimeSlice } from './time-slice.js';
import { type CheckedBody, checkRow, checkVector, vectorBody } from './vector-input.js';
import { missingVectorParent, vectorIdTaken } from './vector-refusals.js';
import * as statements from './vector-statements.js';
import type { InsertVectorsError, VectorRepository } from './vectors.js';

const OPERATION = 'vectors.insertMany';
/** Larger ones are not faster, and these are encoded in about 1 ms. */
const CHUNK_ROWS = 500;
/** Of text and numbers together. */
const CHUNK_SIZE = 4_000_000;

const newVectors = z.strictObject({ userId: id, vectors: z.array(z.unknown()).min(1).max(100_000) });

/** `vectors.insertMany`: checks everything, then writes chunk by chunk. */
export function createVectorUpsert(
  executor: Executor,
  shape: EmbeddingShape,
  guard: EmbeddingGuard,
): VectorRepository['insertMany'] {
  return (given, options) => {
    const checked = new ResultAsync(checkBatch(given, shape));
    return checked.andThen(({ userId, vectors }) => {
      const ids = vectors.map((vector) => vector.id);
      const chunks = chunksOf(vectors, shape.dimensions);
      const upsertAll = (on: Executor) =>
        guard.run(
          OPERATION,
          on,
          options,
          (place) =>
            new ResultAsync(inTurn(chunks, (chunk) => upsertChunk(on, userId, chunk, place, options))),
        );
      if (chunks.length === 1) return upsertAll(executor).map(() => ids);
      return executor
        .transaction(OPERATION, upsertAll, { ...options })
        .map(() => ids)
        .mapErr(withoutThrow);
    });
  };
}

async function checkBatch(
  given: unknown,
  shape: EmbeddingShape,
): Promise<
  Result<
    { userId: string; vectors: readonly CheckedBody[] },
    StoreError<'invalid-input' | 'dimension-mismatch'>
  >
> {
  const batch = checkInput(OPERATION, newVectors, given);
  if (batch.isErr()) return err(batch.error);
  const slice = new TimeSlice();
  const scratch = new Float32Array(shape.dimensions);
  const vectors: CheckedBody[] = [];
  for (const [index, value] of batch.value.vectors.entries()) {
    if (slice.isOver) await slice.next();
    const row = checkRow(OPERATION, vectorBody, value, ['vectors', index]);
    if (row.isErr()) return err(row.error);
    const path = `vectors.${index}.embedding`;
    const floats = checkVector(OPERATION, path, row.value.embedding, shape, scratch);
    if (floats.isErr()) return err(floats.error);
    vectors.push(row.value);
  }
  if (new Set(vectors.map((vector) => vector.id)).size < vectors.length) {
    return err(invalidInput(OPERATION, [{ path: 'vectors', message: 'must not hold an id twice' }]));
  }
  return ok({ userId: batch.value.userId, vectors });
}

/** Up to {@link CHUNK_ROWS} each, and fewer where they are large. */
function chunksOf(vectors: readonly CheckedBody[], dimensions: number): CheckedBody[][] {
  const chunks: CheckedBody[][] = [];
  let size = 0;
  for (const vector of vectors) {
    const chunk = chunks.at(-1);
    const rowSize = dimensions * 4 + vector.content.length + (vector.metadata?.length ?? 0);
    if (chunk === undefined || chunk.length === CHUNK_ROWS || size + rowSize > CHUNK_SIZE) {
      chunks.push([vector]);
      size = rowSize;
    } else {
      chunk.push(vector);
      size += rowSize;
    }
  }
  return chunks;
}

async function inTurn<T, E>(
  items: readonly T[],
  step: (item: T) => ResultAsync<unknown, E>,
): Promise<Result<void, E>> {
  for (const item of items) {
    const result = await step(item);
    if (result.isErr()) return err(result.error);
  }
  return ok();
}

function upsertChunk(
  executor: Executor,
  userId: string,
  vectors: readonly CheckedBody[],
  place: EmbeddingColumnFacts,
  options: CallOptions | undefined,
): ResultAsync<void, InsertVectorsError> {
  const scope = {
    userId,
    chatIds: vectors.map((vector) => vector.chatId),
    messageIds: vectors.map((vector) => vector.messageId),
  };
  const params = {
    ...scope,
    ids: vectors.map((vector) => vector.id),
    contents: vectors.map((vector) => vector.content),
    metadatas: vectors.map((vector) => vector.metadata),
    embeddings: executor.wire.encodeMany(
      vectors.map((vector) => vector.embedding),
      place.vectorOid,
    ),
    model: place.model,
  };
  return executor
    .write(statements.upsertVectors(place), params, options)
    .mapErr(takenMeanwhile)
    .mapErr(missingVectorParent(OPERATION))
    .andThen((rows): Result<void, InsertVectorsError> | ResultAsync<void, InsertVectorsError> => {
      if (rows.length > 0) return ok();
      return executor
        .read(statements.selectForeignMessage, scope, options)
        .andThen((foreign) =>
          err(foreign.length > 0 ? notFound(OPERATION, 'message') : vectorIdTaken(OPERATION)),
        );
    });
}

/** Another user took one of the ids while the statement ran: it has made itself fail by a division by zero. */
function takenMeanwhile(error: WriteError): WriteError {
  const cause = unredactedCauseOf(error);
  return sqlStateOf(cause) === '22012' ? vectorIdTaken(OPERATION, cause) : error;
}

/** The work is ours: a throw out of it is a mistake of ours. */
function withoutThrow(error: InsertVectorsError | TransactionError): InsertVectorsError {
  if (error.kind !== 'callback-threw') return error;
  return storeError('internal', OPERATION, 'it threw, and everything was rolled back', {}, error);
}
