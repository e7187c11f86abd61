import { err, okAsync, Result, type ResultAsync } from 'neverthrow';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { checkEmbedding, type EmbeddingGuard } from '../database/embedding.js';
import type { CallOptions, Executor } from '../database/executor.js';
import type { Embedding } from '../database/vector-wire.js';
import { notFound, type ReadError, type StoreError, storeError, type WriteError } from '../errors.js';
import { checkInput, id, limit } from '../input.js';
import { MESSAGE_ROLES, type MessageRole } from '../schema/chat-messages.js';
import type { JsonObject } from '../schema/column-types.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { BEFORE_NEWEST, BEFORE_OLDEST, decodeCursor, type Page, toPage } from './cursor.js';
import { content, cursor, metadata } from './input.js';
import * as statements from './message-statements.js';
import { firstRow, firstRowOr, hasRows } from './rows.js';
import { TEXT_SEARCH_LANGUAGES, type TextSearchLanguage } from './text-search-languages.js';

export interface Message {
  readonly id: string;
  readonly userId: string;
  readonly chatId: string;
  readonly role: MessageRole;
  readonly content: string;
  readonly metadata: JsonObject | null;
  readonly createdAt: Date;
}

export interface MessageBody {
  /** Default: a new UUID v7. Give one to make a retry harmless. */
  readonly id?: string;
  readonly role: MessageRole;
  readonly content: string;
  readonly metadata?: JsonObject | null;
  /** The embedding of `content`: its vector is written in the same statement, with the message's metadata. */
  readonly embedding?: Embedding;
}

/** One chat of one user: another user's chat is as good as none. */
interface InChat {
  readonly userId: string;
  readonly chatId: string;
}

export type NewMessage = InChat & MessageBody;
export type NewMessages = InChat & {
  /** 1–1,000, in reading order. */
  readonly messages: readonly MessageBody[];
};
export type MessageRef = InChat & { readonly messageId: string };

export type ListMessages = InChat & {
  /** Default `newest-first`. */
  readonly order?: 'newest-first' | 'oldest-first';
  /** 1–200, default 50. */
  readonly limit?: number;
  readonly cursor?: string;
};

/** What to change; an absent field stays as it is. */
export type MessageChanges = MessageRef & {
  readonly content?: string;
  readonly metadata?: JsonObject | null;
  /** The embedding of the new `content`. */
  readonly embedding?: Embedding;
};

export interface SearchMessages {
  readonly userId: string;
  /** Default: all chats of the user. */
  readonly chatId?: string;
  /** As typed into a search box: words, "a phrase", or, -not. 1–1,000 characters. */
  readonly query: string;
  /** Default `english`, which is indexed; another language reads all messages in scope. */
  readonly language?: TextSearchLanguage;
  /** 1–200, default 20. */
  readonly limit?: number;
}

export interface MessageHit extends Message {
  /** PostgreSQL's cover density rank: above 0, comparable within one search only. */
  readonly rank: number;
}

type InvalidInput = StoreError<'invalid-input'>;
type NotFound = StoreError<'not-found'>;
type EmbeddingError = StoreError<'dimension-mismatch'>;

/** What was said. Every call is in the scope of one user. */
export interface MessageRepository {
  /**
   * Adds a message at the end of a chat and touches the chat, in one round trip; with `embedding` its
   * vector too, all or nothing. The same `id` with the same role and content again gives the stored
   * message, so a retry is harmless; otherwise `conflict` (`chat_messages_pkey`). `not-found` for a chat
   * that is not the user's.
   *
   * @example
   * const reply = await store.messages.append({ userId, chatId, role: 'assistant', content: 'Hello!' });
   * if (reply.isErr()) console.error(reply.error.kind);
   */
  append(
    message: NewMessage,
    options?: CallOptions,
  ): ResultAsync<Message, WriteError | NotFound | EmbeddingError>;
  /**
   * Adds messages in one round trip, all or none, and gives them in the order of the input. They share one
   * `createdAt`; the order of reading is that of their ids, so leave those out or let them ascend.
   */
  appendMany(
    messages: NewMessages,
    options?: CallOptions,
  ): ResultAsync<readonly Message[], WriteError | NotFound | EmbeddingError>;
  findById(ref: MessageRef, options?: CallOptions): ResultAsync<Message | null, ReadError | InvalidInput>;
  /**
   * A page of a chat by `createdAt`, ties by id. Costs the same on the first and the last page. Messages
   * added meanwhile shift nothing; an unknown chat gives an empty page.
   */
  list(input: ListMessages, options?: CallOptions): ResultAsync<Page<Message>, ReadError | InvalidInput>;
  /** The last `limit` (1–200, default 50) messages in reading order: what a model is given. */
  history(
    input: InChat & { readonly limit?: number },
    options?: CallOptions,
  ): ResultAsync<readonly Message[], ReadError | InvalidInput>;
  /**
   * Changes content or metadata. With `content` the message's vectors are replaced by that of `embedding`,
   * or deleted where none is given: a search never finds a text that is no longer there.
   */
  update(
    changes: MessageChanges,
    options?: CallOptions,
  ): ResultAsync<Message, WriteError | NotFound | EmbeddingError>;
  /** Deletes the message with its vectors. `false`: there was none. */
  delete(ref: MessageRef, options?: CallOptions): ResultAsync<boolean, WriteError>;
  /** Full-text search, best first, ties newest first. Reads the first 100,000 characters of a message. */
  search(
    input: SearchMessages,
    options?: CallOptions,
  ): ResultAsync<readonly MessageHit[], ReadError | InvalidInput>;
}

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
  embeddingShape: EmbeddingShape,
  guard: EmbeddingGuard,
): MessageRepository {
  const { column, dimensions } = embeddingShape;

  /** The encoded embedding, once it and the database's column have been checked. */
  const encoded = (operation: string, embedding: Embedding, options: CallOptions | undefined) =>
    checkEmbedding(operation, 'embedding', embedding, dimensions).asyncAndThen((floats) =>
      guard.check(operation, executor, options).map(() => executor.wire.encode(floats)),
    );

  /** Why an insert gave no row: no such chat, or the id is taken, or it was a retry. */
  const explainMissing = (row: z.output<typeof newMessage>, options: CallOptions | undefined) => {
    const key = { userId: row.userId, chatId: row.chatId, messageId: row.id };
    return executor.read(statements.selectMessage, key, options).andThen(([stored]) => {
      if (stored?.role === row.role && stored.content === row.content)
        return okAsync<Message, WriteError | NotFound>(stored);
      return executor.read(statements.selectChat, key, options).andThen((chats) => {
        if (chats.length === 0) return err(notFound('messages.append', 'chat'));
        return err(taken('messages.append'));
      });
    });
  };

  return {
    append: (message, options) =>
      checkInput('messages.append', newMessage, message).asyncAndThen(({ embedding, ...row }) => {
        const inserted =
          embedding === undefined
            ? executor.write(statements.insertMessage, row, options)
            : encoded('messages.append', embedding, options).andThen((value) =>
                executor.write(
                  statements.insertMessageWithVector[column],
                  { ...row, vectorId: uuidv7(), embedding: value },
                  options,
                ),
              );
        return inserted.andThen(([created]) =>
          created === undefined
            ? explainMissing(row, options)
            : okAsync<Message, WriteError | NotFound | EmbeddingError>(created),
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
            return okAsync<readonly Message[], WriteError | NotFound>(inOrder);
          return executor.read(statements.selectChat, { userId, chatId }, options).andThen((chats) => {
            if (chats.length === 0) return err(notFound('messages.appendMany', 'chat'));
            return err(taken('messages.appendMany'));
          });
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
        executor.read(statements.selectHistory(size), chat, options),
      ),

    update: (input, options) =>
      checkInput('messages.update', messageChanges, input)
        .asyncAndThen(({ embedding, content: newContent = null, ...rest }) => {
          const row = { ...rest, content: newContent, setsMetadata: input.metadata !== undefined };
          if (embedding === undefined) return executor.write(statements.updateMessage, row, options);
          return encoded('messages.update', embedding, options).andThen((value) =>
            executor.write(
              statements.updateMessageWithVector[column],
              { ...row, vectorId: uuidv7(), embedding: value },
              options,
            ),
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
  ): ResultAsync<readonly Message[], WriteError | EmbeddingError> {
    const embedded = messages.flatMap(({ id: messageId, embedding }, index) =>
      embedding === undefined ? [] : [{ messageId, embedding, index }],
    );
    if (embedded.length === 0) return executor.write(statements.insertMessages, rows, options);
    const checked = embedded.map(({ embedding, index }) =>
      checkEmbedding('messages.appendMany', `messages.${index}.embedding`, embedding, dimensions),
    );
    return Result.combine(checked).asyncAndThen((floats) =>
      guard.check('messages.appendMany', executor, options).andThen(({ vectorOid }) =>
        executor.write(
          statements.insertMessagesWithVectors,
          {
            ...rows,
            vectorIds: embedded.map(() => uuidv7()),
            vectorMessageIds: embedded.map(({ messageId }) => messageId),
            embeddings: executor.wire.encodeMany(floats, vectorOid),
          },
          options,
        ),
      ),
    );
  }
}
