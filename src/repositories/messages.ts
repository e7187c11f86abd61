import type { ResultAsync } from 'neverthrow';
import type { CallOptions } from '../database/executor.js';
import type { Embedding } from '../database/vector-wire.js';
import type {
  DimensionMismatchError,
  InvalidInputError,
  NotFoundError,
  ReadError,
  WriteError,
} from '../errors.js';
import type { MessageRole } from '../schema/chat-messages.js';
import type { JsonObject } from '../schema/column-types.js';
import type { TextSearchLanguage } from '../schema/text-search-languages.js';
import type { Page } from './cursor.js';

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
export interface ChatScope {
  readonly userId: string;
  readonly chatId: string;
}

export type NewMessage = ChatScope & MessageBody;
export type NewMessages = ChatScope & {
  /** 1–1,000, in reading order. */
  readonly messages: readonly MessageBody[];
};
export type MessageRef = ChatScope & { readonly messageId: string };

export type ListMessages = ChatScope & {
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

/** What was said. Every call is in the scope of one user. */
export interface MessageRepository {
  /**
   * Adds a message at the end of a chat and touches the chat, in one round trip; with `embedding` its
   * vector too, all or nothing. The same `id` with the same role and content again gives the stored
   * message and writes nothing, so a retry is harmless; otherwise `conflict` (`chat_messages_pkey`). `not-found` for a chat
   * that is not the user's.
   *
   * @example
   * const reply = await store.messages.append({ userId, chatId, role: 'assistant', content: 'Hello!' });
   * if (reply.isErr()) console.error(reply.error.kind);
   */
  append(
    message: NewMessage,
    options?: CallOptions,
  ): ResultAsync<Message, WriteError | NotFoundError | DimensionMismatchError>;
  /**
   * Adds messages in one round trip, all or none, and gives them in the order of the input. They share one
   * `createdAt`; the order of reading is that of their ids, so leave those out or let them ascend.
   */
  appendMany(
    messages: NewMessages,
    options?: CallOptions,
  ): ResultAsync<readonly Message[], WriteError | NotFoundError | DimensionMismatchError>;
  findById(
    ref: MessageRef,
    options?: CallOptions,
  ): ResultAsync<Message | null, ReadError | InvalidInputError>;
  /**
   * A page of a chat by `createdAt`, ties by id. Costs the same on the first and the last page. Messages
   * added meanwhile shift nothing; an unknown chat gives an empty page.
   */
  list(input: ListMessages, options?: CallOptions): ResultAsync<Page<Message>, ReadError | InvalidInputError>;
  /** The last `limit` (1–200, default 50) messages in reading order: what a model is given. */
  history(
    input: ChatScope & { readonly limit?: number },
    options?: CallOptions,
  ): ResultAsync<readonly Message[], ReadError | InvalidInputError>;
  /**
   * Changes content or metadata. With `content` the message's vectors are replaced by that of `embedding`,
   * or deleted where none is given: a search never finds a text that is no longer there.
   */
  update(
    changes: MessageChanges,
    options?: CallOptions,
  ): ResultAsync<Message, WriteError | NotFoundError | DimensionMismatchError>;
  /** Deletes the message with its vectors. `false`: there was none. */
  delete(ref: MessageRef, options?: CallOptions): ResultAsync<boolean, WriteError>;
  /** Full-text search, best first, ties newest first. Reads the first 100,000 characters of a message. */
  search(
    input: SearchMessages,
    options?: CallOptions,
  ): ResultAsync<readonly MessageHit[], ReadError | InvalidInputError>;
}
