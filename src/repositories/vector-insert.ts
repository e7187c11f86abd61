import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { EmbeddingGuard } from '../database/embedding-guard.js';
import type { CallOptions, Executor } from '../database/executor.js';
import { notFound } from '../errors.js';
import { checkInput } from '../input.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { type CheckedVector, checkVector, newVector } from './vector-input.js';
import { missingVectorParent, vectorIdTaken } from './vector-refusals.js';
import * as statements from './vector-statements.js';
import type { InsertVectorsError, VectorRepository } from './vectors.js';

const OPERATION = 'vectors.insert';

/** `vectors.insert`: one row in one named statement. */
export function createVectorInsert(
  executor: Executor,
  shape: EmbeddingShape,
  guard: EmbeddingGuard,
): VectorRepository['insert'] {
  return (vector, options) =>
    checkInput(OPERATION, newVector, vector).asyncAndThen((row) =>
      checkVector(OPERATION, 'embedding', row.embedding, shape).asyncAndThen((floats) =>
        guard
          .run(OPERATION, executor, options, (place) => {
            const params = { ...row, embedding: executor.wire.encode(floats), model: place.model };
            return executor
              .write(statements.upsertVector(place), params, options)
              .mapErr(missingVectorParent(OPERATION));
          })
          .andThen((written) => (written.length > 0 ? ok(row.id) : explainRefusal(row, options))),
      ),
    );

  /** Why no row was written: there is no such message in the chat, or the id is taken. */
  function explainRefusal(
    { userId, chatId, messageId }: CheckedVector,
    options: CallOptions | undefined,
  ): ResultAsync<string, InsertVectorsError> | Result<string, InsertVectorsError> {
    if (messageId === null) return err(vectorIdTaken(OPERATION));
    const scope = { userId, chatIds: [chatId], messageIds: [messageId] };
    return executor
      .read(statements.selectForeignMessage, scope, options)
      .andThen((foreign) =>
        err(foreign.length > 0 ? notFound(OPERATION, 'message') : vectorIdTaken(OPERATION)),
      );
  }
}
