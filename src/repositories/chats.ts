import { sql } from 'drizzle-orm';
import { err, ok, okAsync, type ResultAsync } from 'neverthrow';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { CallOptions, Executor } from '../database/executor.js';
import { compileStatement, parameter, perLimit } from '../database/statement.js';
import {
  type InvalidInputError,
  type NotFoundError,
  type ReadError,
  storeError,
  type WriteError,
} from '../errors.js';
import { checkInput, id, limit } from '../input.js';
import { chats } from '../schema/chats.js';
import { BEFORE_NEWEST, decodeCursor, type Page, toPage } from './cursor.js';
import { cursor, title } from './input.js';
import { columnsOf, firstRow, firstRowOr, hasRows, missingParent } from './rows.js';

export interface Chat {
  readonly id: string;
  readonly userId: string;
  readonly title: string;
  readonly createdAt: Date;
  /** The time of the last message, rename or touch. */
  readonly updatedAt: Date;
}

export interface NewChat {
  /** Default: a new UUID v7. Give one to make a retry harmless. */
  readonly id?: string;
  readonly userId: string;
  /** 1–255 characters. */
  readonly title: string;
}

/** One chat of one user: another user's chat is as good as none. */
export interface ChatRef {
  readonly userId: string;
  readonly chatId: string;
}

export interface ListChats {
  readonly userId: string;
  /** Only chats with activity at or after this instant. */
  readonly activeSince?: Date;
  /** 1–200, default 20. */
  readonly limit?: number;
  readonly cursor?: string;
}

/** A user's conversations. Every call is in the scope of one user. */
export interface ChatRepository {
  /**
   * Adds a chat. The same `id` again gives the stored chat unchanged, so a retry is harmless; `conflict`
   * (`chats_pkey`) where the id is another user's, `not-found` for an unknown user.
   */
  create(chat: NewChat, options?: CallOptions): ResultAsync<Chat, WriteError | NotFoundError>;
  findById(ref: ChatRef, options?: CallOptions): ResultAsync<Chat | null, ReadError | InvalidInputError>;
  getById(
    ref: ChatRef,
    options?: CallOptions,
  ): ResultAsync<Chat, ReadError | InvalidInputError | NotFoundError>;
  isOwnedBy(ref: ChatRef, options?: CallOptions): ResultAsync<boolean, ReadError | InvalidInputError>;
  /**
   * The user's chats, newest activity first, ties by id. A chat that becomes active while you page moves
   * to the front; no other is missed or repeated. An unknown user gives an empty page.
   *
   * @example
   * const page = await store.chats.list({ userId, limit: 20 });
   * if (page.isOk()) console.log(page.value.items.map((chat) => chat.title), page.value.nextCursor);
   */
  list(input: ListChats, options?: CallOptions): ResultAsync<Page<Chat>, ReadError | InvalidInputError>;
  /** Sets the title and `updatedAt`. */
  rename(
    input: ChatRef & { readonly title: string },
    options?: CallOptions,
  ): ResultAsync<Chat, WriteError | NotFoundError>;
  /** Sets `updatedAt` to the server's time; appending a message does so by itself. */
  touch(ref: ChatRef, options?: CallOptions): ResultAsync<Chat, WriteError | NotFoundError>;
  count(
    input: { readonly userId: string; readonly activeSince?: Date },
    options?: CallOptions,
  ): ResultAsync<number, ReadError | InvalidInputError>;
  /** Deletes the chat with its messages and vectors. `false`: there was none. */
  delete(ref: ChatRef, options?: CallOptions): ResultAsync<boolean, WriteError>;
}

const chatColumns = columnsOf(chats);
const ofUser = sql`user_id = ${parameter('userId')} and id = ${parameter('chatId')}`;

const insertChat = compileStatement<Required<NewChat>, Chat>(
  'chats.create',
  sql`insert into ${chats} (id, user_id, title)
    values (${parameter('id')}, ${parameter('userId')}, ${parameter('title')})
    on conflict (id) do nothing
    returning ${chatColumns}`,
);

const selectById = compileStatement<ChatRef, Chat>(
  'chats.findById',
  sql`select ${chatColumns} from ${chats} where ${ofUser}`,
);

const selectOwnership = compileStatement<ChatRef, object>(
  'chats.isOwnedBy',
  sql`select 1 from ${chats} where ${ofUser}`,
);

interface PageParameters {
  readonly userId: string;
  readonly activeSince: Date | string;
  readonly key: string;
  readonly id: string;
}

// As for messages.list, the user is a range of one, so that a reused plan reads `idx_chats_user_id_updated_at`
// in order and stops at the LIMIT, also for a user with many more chats than others. The pair keeps the
// planner from taking the two bounds for a narrow range.
const userBound = sql`(select ${parameter('userId')}::uuid)`;
const selectPage = perLimit<PageParameters, Chat>(
  'chats.list',
  (size) => sql`select ${chatColumns} from ${chats}
    where user_id >= ${userBound} and (user_id, user_id) <= (${userBound}, ${userBound})
      and (updated_at, id) < (${parameter('key')}::timestamptz, ${parameter('id')}::uuid)
      and updated_at >= ${parameter('activeSince')}::timestamptz
    order by user_id, updated_at desc, id desc
    limit ${size}`,
);

const updateTitle = compileStatement<ChatRef & { title: string }, Chat>(
  'chats.rename',
  sql`update ${chats} set title = ${parameter('title')}, updated_at = greatest(updated_at, now())
    where ${ofUser} returning ${chatColumns}`,
);

const updateActivity = compileStatement<ChatRef, Chat>(
  'chats.touch',
  sql`update ${chats} set updated_at = greatest(updated_at, now()) where ${ofUser} returning ${chatColumns}`,
);

const countChats = compileStatement<{ userId: string; activeSince: Date | string }, { count: number }>(
  'chats.count',
  sql`select count(*)::int as count from ${chats}
    where user_id = ${parameter('userId')} and updated_at >= ${parameter('activeSince')}::timestamptz`,
);

const deleteChat = compileStatement<ChatRef, object>(
  'chats.delete',
  sql`delete from ${chats} where ${ofUser} returning 1`,
);

const newChat = z.strictObject({ id: id.default(() => uuidv7()), userId: id, title });
const chatRef = z.strictObject({ userId: id, chatId: id });
const ANY_TIME = '-infinity';
// Years of four digits: a Date reaches further than what every driver can send.
const activeSince = z
  .date()
  .min(new Date('0001-01-01T00:00:00.000Z'))
  .max(new Date('9999-12-31T23:59:59.999Z'))
  .default(() => ANY_TIME as unknown as Date);
const renameInput = chatRef.extend({ title });
const countInput = z.strictObject({ userId: id, activeSince });
const listInput = z.strictObject({
  userId: id,
  activeSince,
  limit: limit(200, 20),
  cursor: cursor.optional(),
});

const byForeignKey = missingParent('chats.create', { chats_user_id_users_id_fk: 'user' });

export function createChatRepository(executor: Executor): ChatRepository {
  return {
    create: (chat, options) =>
      checkInput('chats.create', newChat, chat).asyncAndThen((row) =>
        executor
          .write(insertChat, row, options)
          .mapErr(byForeignKey)
          .andThen(([created]) => {
            if (created !== undefined) return okAsync<Chat, WriteError | NotFoundError>(created);
            const stored = executor.read(selectById, { userId: row.userId, chatId: row.id }, options);
            return stored.andThen(([chatOfUser]) =>
              chatOfUser === undefined
                ? err(
                    storeError('conflict', 'chats.create', 'another chat has this id', {
                      constraint: 'chats_pkey',
                    }),
                  )
                : ok(chatOfUser),
            );
          }),
      ),

    findById: (ref, options) =>
      checkInput('chats.findById', chatRef, ref)
        .asyncAndThen((params) => executor.read(selectById, params, options))
        .map(firstRow),

    getById: (ref, options) =>
      checkInput('chats.getById', chatRef, ref)
        .asyncAndThen((params) => executor.read(selectById, params, options))
        .andThen(firstRowOr('chats.getById', 'chat')),

    isOwnedBy: (ref, options) =>
      checkInput('chats.isOwnedBy', chatRef, ref)
        .asyncAndThen((params) => executor.read(selectOwnership, params, options))
        .map(hasRows),

    list: (input, options) =>
      checkInput('chats.list', listInput, input).asyncAndThen(({ limit: size, cursor: after, ...scope }) =>
        decodeCursor('chats.list', after, BEFORE_NEWEST)
          .asyncAndThen((start) => executor.read(selectPage(size + 1), { ...scope, ...start }, options))
          .map((rows) =>
            toPage('chats.list', rows, size, (chat) => ({ key: chat.updatedAt.toISOString(), id: chat.id })),
          ),
      ),

    rename: (input, options) =>
      checkInput('chats.rename', renameInput, input)
        .asyncAndThen((params) => executor.write(updateTitle, params, options))
        .andThen(firstRowOr('chats.rename', 'chat')),

    touch: (ref, options) =>
      checkInput('chats.touch', chatRef, ref)
        .asyncAndThen((params) => executor.write(updateActivity, params, options))
        .andThen(firstRowOr('chats.touch', 'chat')),

    count: (input, options) =>
      checkInput('chats.count', countInput, input)
        .asyncAndThen((params) => executor.read(countChats, params, options))
        .map(([row]) => row?.count ?? 0),

    delete: (ref, options) =>
      checkInput('chats.delete', chatRef, ref)
        .asyncAndThen((params) => executor.write(deleteChat, params, options))
        .map(hasRows),
  };
}
