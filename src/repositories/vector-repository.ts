import type { ResultAsync } from 'neverthrow';
import { z } from 'zod';
import type { EmbeddingGuard } from '../database/embedding-guard.js';
import type { CallOptions, Executor } from '../database/executor.js';
import type { WriteError } from '../errors.js';
import { checkInput, id, limit } from '../input.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { BEFORE_LOWEST_IDS, decodeCursor, toPage } from './cursor.js';
import { cursor } from './input.js';
import { createVectorImport, type HnswSwitch } from './vector-import.js';
import { createVectorInsert } from './vector-insert.js';
import * as statements from './vector-statements.js';
import { createVectorUpsert } from './vector-upsert.js';
import type { VectorRepository } from './vectors.js';

const vectorRef = z.strictObject({ userId: id, vectorId: id });
const messageScope = z.strictObject({ userId: id, messageId: id });
const chatScope = z.strictObject({ userId: id, chatId: id });
const countInput = z.strictObject({ userId: id, chatId: id.nullable().default(null) });
const listInput = countInput.extend({ limit: limit(1_000, 100), cursor: cursor.optional() });

export function createVectorRepository(
  executor: Executor,
  shape: EmbeddingShape,
  guard: EmbeddingGuard,
  hnswSwitch: HnswSwitch | null,
): VectorRepository {
  const deleted = (
    operation: string,
    statement: typeof statements.deleteOne,
    params: object,
    options: CallOptions | undefined,
  ): ResultAsync<number, WriteError> =>
    guard
      .runUnchecked(operation, executor, options, (place) =>
        executor.write(statement(place), params, options),
      )
      .map(([row]) => row?.count ?? 0);

  return {
    insert: createVectorInsert(executor, shape, guard),
    insertMany: createVectorUpsert(executor, shape, guard),
    import: createVectorImport(executor, shape, guard, hnswSwitch),

    findByMessage: (ref, options) =>
      checkInput('vectors.findByMessage', messageScope, ref).asyncAndThen((params) =>
        guard.runUnchecked('vectors.findByMessage', executor, options, (place) =>
          executor.read(statements.selectByMessage(place), params, options),
        ),
      ),

    list: (given, options) =>
      checkInput('vectors.list', listInput, given).asyncAndThen(({ limit: size, cursor: after, ...scope }) =>
        decodeCursor('vectors.list', after, BEFORE_LOWEST_IDS)
          .asyncAndThen((start) => {
            const statement =
              scope.chatId === null ? statements.selectPageOfUser : statements.selectPageOfChat;
            return guard.runUnchecked('vectors.list', executor, options, (place) =>
              executor.read(statement(place)(size + 1), { ...scope, ...start }, options),
            );
          })
          .map((rows) => toPage('vectors.list', rows, size, (row) => ({ key: row.chatId, id: row.id }))),
      ),

    delete: (ref, options) =>
      checkInput('vectors.delete', vectorRef, ref)
        .asyncAndThen((params) => deleted('vectors.delete', statements.deleteOne, params, options))
        .map((count) => count > 0),

    deleteByMessage: (ref, options) =>
      checkInput('vectors.deleteByMessage', messageScope, ref).asyncAndThen((params) =>
        deleted('vectors.deleteByMessage', statements.deleteOfMessage, params, options),
      ),

    deleteByChat: (ref, options) =>
      checkInput('vectors.deleteByChat', chatScope, ref).asyncAndThen((params) =>
        deleted('vectors.deleteByChat', statements.deleteOfChat, params, options),
      ),

    count: (given, options) =>
      checkInput('vectors.count', countInput, given)
        .asyncAndThen((params) => {
          const statement = params.chatId === null ? statements.countOfUser : statements.countOfChat;
          return guard.runUnchecked('vectors.count', executor, options, (place) =>
            executor.read(statement(place), params, options),
          );
        })
        .map(([row]) => row?.count ?? 0),
  };
}
