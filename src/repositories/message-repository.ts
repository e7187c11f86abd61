import { err, okAsync, Result, type ResultAsync } from 'neverthrow';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { checkEmbedding } from '../database/embedding.js';
import type { EmbeddingColumnFacts, EmbeddingGuard } from '../database/embedding-guard.js';
import type { CallOptions, Executor } from '../database/executor.js';
import type { Embedding } from '../database/vector-wire.js';
import {
  type DimensionMismatchError,
  type NotFoundError,
  notFound,
  storeError,
  type WriteError,
} from '../errors.js';
import { checkInput, id, limit } from '../input.js';
import { MESSAGE_ROLES } from '../schema/chat-messages.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { TEXT_SEARCH_LANGUAGES } from '../schema/text-search-languages.js';
import { BEFORE_NEWEST, BEFORE_OLDEST, decodeCursor, toPage } from './cursor.js';
import { content, cursor, metadata } from './input.js';
import * as statements from './message-statements.js';
import type { Message, MessageRepository } from './messages.js';
import { firstRow, firstRowOr, hasRows } from './rows.js';

const scope = { userId: id, chatId: id };
const body = {
  id: id.default(() => uuidv7()),
  role: z.enum(MESSAGE_ROLES),
  content,
  metadata,
  // Checked by checkEmbedding, which knows the dimensions and does not walk the array through zod.
  embedding: z.custom<Embedding>().optional(),
};
const newMessage = z.strictObject({ ...scope, ...body });
const newMessages = z.strictObject({
  ...scope,
  messages: z
    .array(z.strictObject(body))
    .min(1)
    .max(1_000)
    .refine((messages) => new Set(messages.map((message) => message.id)).size === messages.length, {
      error: 'must not hold an id twice',
    }),
});
const messageRef = z.strictObject({ ...scope, messageId: id });
const listInput = z.strictObject({
  ...scope,
  order: z.enum(['newest-first', 'oldest-first']).default('newest-first'),
  limit: limit(200, 50),
  cursor: cursor.optional(),
});
const historyInput = z.strictObject({ ...scope, limit: limit(200, 50) });
const messageChanges = messageRef
  .extend({ content: content.optional(), metadata, embedding: body.embedding })
  .refine((changes) => changes.embedding === undefined || changes.content !== undefined, {
    path: ['embedding'],
    error: 'is of a new content: give both',
  });
const searchInput = z.strictObject({
  userId: id,
  chatId: id.nullable().default(null),
  query: content.min(1).max(1_000),
  language: z.enum(TEXT_SEARCH_LANGUAGES).default(statements.INDEXED_LANGUAGE),
  limit: limit(200, 20),
});

const LISTS = {
  'newest-first': { start: BEFORE_NEWEST, statement: statements.selectNewestFirst },
  'oldest-first': { start: BEFORE_OLDEST, statement: statements.selectOldestFirst },
};

const taken = (operation: string) =>
  storeError('conflict', operation, 'another message has this id', { constraint: 'chat_messages_pkey' });

export function createMessageRepository(
  executor: Executor,
  { dimensions }: EmbeddingShape,
  guard: EmbeddingGuard,
): MessageRepository {
  /** Writes with an embedding, once it and the database's column have been checked. */
  const withVector = (
    operation: string,
    embedding: Embedding,
    options: CallOptions | undefined,
    write: (
      place: EmbeddingColumnFacts,
      vector: statements.NewVector,
    ) => ResultAsync<readonly Message[], WriteError>,
  ) =>
    checkEmbedding(operation, 'embedding', embedding, dimensions).asyncAndThen((floats) => {
      const vector = { vectorId: uuidv7(), embedding: executor.wire.encode(floats) };
      return guard.run(operation, executor, options, (place) =>
        write(place, { ...vector, model: place.model }),
      );
    });

  /** Why a message was not inserted: there is no such chat, or its id is taken. */
  const explainRefusal = (operation: string, chat: statements.ChatScope, options: CallOptions | undefined) =>
    executor
      .read(statements.selectChat, chat, options)
      .andThen((chats) => err(chats.length === 0 ? notFound(operation, 'chat') : taken(operation)));

  /** Why an insert gave no row: no such chat, or the id is taken, or it was a retry. */
  const explainMissing = (row: z.output<typeof newMessage>, options: CallOptions | undefined) => {
    const key = { userId: row.userId, chatId: row.chatId, messageId: row.id };
    return executor.read(statements.selectMessage, key, options).andThen(([stored]) => {
      if (stored?.role === row.role && stored.content === row.content)
        return okAsync<Message, WriteError | NotFoundError>(stored);
      return explainRefusal('messages.append', key, options);
    });
  };

  return {
    append: (message, options) =>
      checkInput('messages.append', newMessage, message).asyncAndThen(({ embedding, ...row }) => {
        const inserted =
          embedding === undefined
            ? executor.write(statements.insertMessage, row, options)
            : withVector('messages.append', embedding, options, (place, vector) =>
                executor.write(statements.insertMessageWithVector(place), { ...row, ...vector }, options),
              );
        return inserted.andThen(([created]) =>
          created === undefined
            ? explainMissing(row, options)
            : okAsync<Message, WriteError | NotFoundError | DimensionMismatchError>(created),
        );
      }),

    appendMany: (input, options) =>
      checkInput('messages.appendMany', newMessages, input).asyncAndThen(({ userId, chatId, messages }) => {
        const rows = {
          userId,
          chatId,
          ids: messages.map((message) => message.id),
          roles: messages.map((message) => message.role),
          contents: messages.map((message) => message.content),
          metadatas: messages.map((message) => message.metadata),
        };
        const inserted = insertMany(rows, messages, options).orElse((error) =>
          // Somebody inserted one of the ids at this moment; now it can be seen.
          error.kind === 'conflict' ? insertMany(rows, messages, options) : err(error),
        );
        return inserted.andThen((stored) => {
          const byId = new Map(stored.map((message) => [message.id, message]));
          const inOrder = rows.ids.flatMap((messageId) => byId.get(messageId) ?? []);
          if (inOrder.length === rows.ids.length)
            return okAsync<readonly Message[], WriteError | NotFoundError>(inOrder);
          return explainRefusal('messages.appendMany', { userId, chatId }, options);
        });
      }),

    findById: (ref, options) =>
      checkInput('messages.findById', messageRef, ref)
        .asyncAndThen((params) => executor.read(statements.selectMessage, params, options))
        .map(firstRow),

    list: (input, options) =>
      checkInput('messages.list', listInput, input).asyncAndThen(
        ({ order, limit: size, cursor: after, ...chat }) =>
          decodeCursor('messages.list', after, LISTS[order].start)
            .asyncAndThen((start) =>
              executor.read(LISTS[order].statement(size + 1), { ...chat, ...start }, options),
            )
            .map((rows) =>
              toPage('messages.list', rows, size, (row) => ({
                key: row.createdAt.toISOString(),
                id: row.id,
              })),
            ),
      ),

    history: (input, options) =>
      checkInput('messages.history', historyInput, input).asyncAndThen(({ limit: size, ...chat }) =>
        executor
          .read(statements.selectHistory(size), { ...chat, ...BEFORE_NEWEST }, options)
          .map((rows) => rows.toReversed()),
      ),

    update: (input, options) =>
      checkInput('messages.update', messageChanges, input)
        .asyncAndThen(({ embedding, content: newContent = null, ...rest }) => {
          const row = { ...rest, content: newContent, setsMetadata: input.metadata !== undefined };
          if (newContent === null) return executor.write(statements.updateMetadata, row, options);
          if (embedding === undefined) {
            return guard.runUnchecked('messages.update', executor, options, (place) =>
              executor.write(statements.updateMessage(place), row, options),
            );
          }
          return withVector('messages.update', embedding, options, (place, vector) =>
            executor.write(statements.updateMessageWithVector(place), { ...row, ...vector }, options),
          );
        })
        .andThen(firstRowOr('messages.update', 'message')),

    delete: (ref, options) =>
      checkInput('messages.delete', messageRef, ref)
        .asyncAndThen((params) => executor.write(statements.deleteMessage, params, options))
        .map(hasRows),

    search: (input, options) =>
      checkInput('messages.search', searchInput, input).asyncAndThen((params) => {
        const isIndexed = params.language === statements.INDEXED_LANGUAGE;
        const statement = isIndexed ? statements.searchIndexedLanguage : statements.searchOtherLanguage;
        return executor.read(statement, params, options);
      }),
  };

  function insertMany(
    rows: statements.InsertMessages,
    messages: z.output<typeof newMessages>['messages'],
    options: CallOptions | undefined,
  ): ResultAsync<readonly Message[], WriteError | DimensionMismatchError> {
    const embedded = messages.flatMap(({ id: messageId, embedding }, index) =>
      embedding === undefined ? [] : [{ messageId, embedding, index }],
    );
    if (embedded.length === 0) return executor.write(statements.insertMessages, rows, options);
    const checked = embedded.map(({ embedding, index }) =>
      checkEmbedding('messages.appendMany', `messages.${index}.embedding`, embedding, dimensions),
    );
    return Result.combine(checked).asyncAndThen((floats) =>
      guard.run('messages.appendMany', executor, options, (place) =>
        executor.write(
          statements.insertMessagesWithVectors(place),
          {
            ...rows,
            model: place.model,
            vectorIds: embedded.map(() => uuidv7()),
            vectorMessageIds: embedded.map(({ messageId }) => messageId),
            embeddings: executor.wire.encodeMany(floats, place.vectorOid),
          },
          options,
        ),
      ),
    );
  }
}
