import { err, ok, Result, type ResultAsync } from 'neverthrow';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { checkEmbedding, type EmbeddingGuard } from '../database/embedding.js';
import type { CallOptions, Executor } from '../database/executor.js';
import type { Embedding } from '../database/vector-wire.js';
import { notFound, storeError } from '../errors.js';
import { checkInput, id, limit } from '../input.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { BEFORE_LOWEST_IDS, decodeCursor, toPage } from './cursor.js';
import { content, cursor, metadata } from './input.js';
import { hasRows, missingParent } from './rows.js';
import * as statements from './vector-statements.js';
import type { InsertVectorsError, VectorRepository } from './vectors.js';

const vectorBody = {
  id: id.default(() => uuidv7()),
  chatId: id,
  messageId: id.nullable().default(null),
  content,
  // Checked by checkEmbedding, which knows the dimensions and does not walk the array through zod.
  embedding: z.custom<Embedding>((value) => value !== undefined, { error: 'is missing' }),
  metadata,
};
const newVector = z.strictObject({ userId: id, ...vectorBody });
const newVectors = z.strictObject({
  userId: id,
  vectors: z
    .array(z.strictObject(vectorBody))
    .min(1)
    .max(5_000)
    .refine((vectors) => new Set(vectors.map((vector) => vector.id)).size === vectors.length, {
      error: 'must not hold an id twice',
    }),
});
const vectorRef = z.strictObject({ userId: id, vectorId: id });
const messageScope = z.strictObject({ userId: id, messageId: id });
const chatScope = z.strictObject({ userId: id, chatId: id });
const countInput = z.strictObject({ userId: id, chatId: id.nullable().default(null) });
const listInput = countInput.extend({ limit: limit(1_000, 100), cursor: cursor.optional() });

const PARENTS = {
  chat_vectors_user_id_chat_id_fkey: 'chat',
  chat_vectors_user_id_message_id_fkey: 'message',
} as const;

export function createVectorRepository(
  executor: Executor,
  { dimensions }: EmbeddingShape,
  guard: EmbeddingGuard,
): VectorRepository {
  type Checked = z.output<typeof newVectors>;

  const upsert = (
    operation: string,
    { userId: owner, vectors }: Checked,
    floats: readonly Float32Array[],
    options: CallOptions | undefined,
  ): ResultAsync<readonly string[], InsertVectorsError> =>
    guard.check(operation, executor, options).andThen(({ vectorOid }) => {
      const ids = vectors.map((vector) => vector.id);
      const scope = {
        userId: owner,
        chatIds: vectors.map((vector) => vector.chatId),
        messageIds: vectors.map((vector) => vector.messageId),
      };
      const params = {
        ...scope,
        ids,
        contents: vectors.map((vector) => vector.content),
        metadatas: vectors.map((vector) => vector.metadata),
        embeddings: executor.wire.encodeMany(floats, vectorOid),
      };
      return executor
        .write(statements.upsertVectors, params, options)
        .orElse((error) =>
          // Another user took one of the ids meanwhile; now it can be seen. The values were checked before.
          error.kind === 'invalid-input'
            ? executor.write(statements.upsertVectors, params, options)
            : err(error),
        )
        .mapErr(missingParent(operation, PARENTS))
        .andThen(
          (
            rows,
          ):
            | Result<readonly string[], InsertVectorsError>
            | ResultAsync<readonly string[], InsertVectorsError> => {
            if (rows.length > 0) return ok(ids);
            return executor.read(statements.selectForeignMessage, scope, options).andThen((foreign) => {
              if (foreign.length > 0) return err(notFound(operation, 'message'));
              const constraint = 'chat_vectors_pkey';
              return err(
                storeError('conflict', operation, 'another vector has one of these ids', { constraint }),
              );
            });
          },
        );
    });

  return {
    insert: (vector, options) =>
      checkInput('vectors.insert', newVector, vector).asyncAndThen(({ userId: owner, ...row }) =>
        checkEmbedding('vectors.insert', 'embedding', row.embedding, dimensions)
          .asyncAndThen((floats) =>
            upsert('vectors.insert', { userId: owner, vectors: [row] }, [floats], options),
          )
          .map(() => row.id),
      ),

    insertMany: (given, options) =>
      checkInput('vectors.insertMany', newVectors, given).asyncAndThen((batch) => {
        const checked = batch.vectors.map(({ embedding }, index) =>
          checkEmbedding('vectors.insertMany', `vectors.${index}.embedding`, embedding, dimensions),
        );
        return Result.combine(checked).asyncAndThen((floats) =>
          upsert('vectors.insertMany', batch, floats, options),
        );
      }),

    findByMessage: (ref, options) =>
      checkInput('vectors.findByMessage', messageScope, ref).asyncAndThen((params) =>
        executor.read(statements.selectByMessage, params, options),
      ),

    list: (given, options) =>
      checkInput('vectors.list', listInput, given).asyncAndThen(({ limit: size, cursor: after, ...scope }) =>
        decodeCursor('vectors.list', after, BEFORE_LOWEST_IDS)
          .asyncAndThen((start) => {
            const statement =
              scope.chatId === null ? statements.selectPageOfUser : statements.selectPageOfChat;
            return executor.read(statement(size + 1), { ...scope, ...start }, options);
          })
          .map((rows) => toPage('vectors.list', rows, size, (row) => ({ key: row.chatId, id: row.id }))),
      ),

    delete: (ref, options) =>
      checkInput('vectors.delete', vectorRef, ref)
        .asyncAndThen((params) => executor.write(statements.deleteOne, params, options))
        .map(hasRows),

    deleteByMessage: (ref, options) =>
      checkInput('vectors.deleteByMessage', messageScope, ref)
        .asyncAndThen((params) => executor.write(statements.deleteOfMessage, params, options))
        .map(([row]) => row?.count ?? 0),

    deleteByChat: (ref, options) =>
      checkInput('vectors.deleteByChat', chatScope, ref)
        .asyncAndThen((params) => executor.write(statements.deleteOfChat, params, options))
        .map(([row]) => row?.count ?? 0),

    count: (given, options) =>
      checkInput('vectors.count', countInput, given)
        .asyncAndThen((params) =>
          executor.read(
            params.chatId === null ? statements.countOfUser : statements.countOfChat,
            params,
            options,
          ),
        )
        .map(([row]) => row?.count ?? 0),
  };
}
