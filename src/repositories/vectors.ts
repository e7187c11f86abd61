import { sql } from 'drizzle-orm';
import { err, ok, Result, type ResultAsync } from 'neverthrow';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { checkEmbedding, type EmbeddingGuard } from '../database/embedding.js';
import type { CallOptions, Executor } from '../database/executor.js';
import { compileStatement, parameter, perLimit } from '../database/statement.js';
import type { Embedding } from '../database/vector-wire.js';
import { notFound, type ReadError, type StoreError, storeError, type WriteError } from '../errors.js';
import { checkInput, id, limit } from '../input.js';
import { chatMessages } from '../schema/chat-messages.js';
import { chatVectors } from '../schema/chat-vectors.js';
import type { JsonObject } from '../schema/column-types.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { BEFORE_LOWEST_IDS, decodeCursor, type Page, toPage } from './cursor.js';
import { content, cursor, metadata } from './input.js';
import { columnsOf, hasRows, missingParent } from './rows.js';

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
  /** 1–5,000, each id once. */
  readonly vectors: readonly VectorBody[];
}

export interface ListVectors {
  readonly userId: string;
  readonly chatId?: string;
  /** 1–1,000, default 100. */
  readonly limit?: number;
  readonly cursor?: string;
}

type InvalidInput = StoreError<'invalid-input'>;
type InsertError = WriteError | StoreError<'not-found' | 'dimension-mismatch'>;

/** Embedded texts. Every call is in the scope of one user. */
export interface VectorRepository {
  /** Adds or replaces one vector and gives its id. `not-found` for a chat or message that is not the user's. */
  insert(vector: NewVector, options?: CallOptions): ResultAsync<string, InsertError>;
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
  insertMany(vectors: NewVectors, options?: CallOptions): ResultAsync<readonly string[], InsertError>;
  /** The vectors of one message, by id. */
  findByMessage(
    ref: { readonly userId: string; readonly messageId: string },
    options?: CallOptions,
  ): ResultAsync<readonly VectorRecord[], ReadError | InvalidInput>;
  /** A page of the user's vectors, chat by chat, then by id. */
  list(input: ListVectors, options?: CallOptions): ResultAsync<Page<VectorRecord>, ReadError | InvalidInput>;
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
  ): ResultAsync<number, ReadError | InvalidInput>;
}

const recordColumns = columnsOf(chatVectors, ['embedding', 'embeddingCode']);
const userId = parameter('userId');
const chatId = parameter('chatId');

interface UpsertVectors {
  readonly userId: string;
  readonly ids: readonly string[];
  readonly chatIds: readonly string[];
  readonly messageIds: readonly (string | null)[];
  readonly contents: readonly string[];
  readonly metadatas: readonly (string | null)[];
  readonly embeddings: unknown;
}

const input = sql`input as (
    select * from unnest(
      ${parameter('ids')}::uuid[], ${parameter('chatIds')}::uuid[], ${parameter('messageIds')}::uuid[],
      ${parameter('contents')}::text[], ${parameter('metadatas')}::text[], ${parameter('embeddings')}::vector[]
    ) as input (id, chat_id, message_id, content, metadata, embedding)
  )`;

// What the foreign keys cannot see: a message of another chat, and an id that another user has.
const upsertVectors = compileStatement<UpsertVectors, { id: string }>(
  'vectors.insertMany',
  sql`with ${input}, refused as (
      select 1 from input
      where (message_id is not null and not exists (
          select from ${chatMessages} m where m.user_id = ${userId} and m.id = input.message_id and m.chat_id = input.chat_id))
        or exists (select from ${chatVectors} v where v.id = input.id and v.user_id <> ${userId})
    )
    insert into ${chatVectors} (id, user_id, chat_id, message_id, content, metadata, embedding)
    select id, ${userId}::uuid, chat_id, message_id, content, metadata::jsonb, embedding
    from input where not exists (select from refused)
    on conflict (id) do update set
      chat_id = excluded.chat_id, message_id = excluded.message_id, content = excluded.content,
      metadata = excluded.metadata, embedding = excluded.embedding, updated_at = now()
      where chat_vectors.user_id = excluded.user_id
    returning id`,
);

const selectForeignMessage = compileStatement<
  Pick<UpsertVectors, 'userId' | 'chatIds' | 'messageIds'>,
  object
>(
  'vectors.insertMany#message',
  sql`select 1 from unnest(${parameter('chatIds')}::uuid[], ${parameter('messageIds')}::uuid[]) as input (chat_id, message_id)
    where message_id is not null and not exists (
      select from ${chatMessages} m where m.user_id = ${userId} and m.id = input.message_id and m.chat_id = input.chat_id)
    limit 1`,
);

const selectByMessage = compileStatement<{ userId: string; messageId: string }, VectorRecord>(
  'vectors.findByMessage',
  sql`select ${recordColumns} from ${chatVectors}
    where user_id = ${userId} and message_id = ${parameter('messageId')} order by id`,
);

interface VectorPage {
  readonly userId: string;
  readonly chatId: string | null;
  readonly key: string;
  readonly id: string;
}

const pageOf = (inChat: ReturnType<typeof sql>) => (size: ReturnType<typeof sql>) =>
  sql`select ${recordColumns} from ${chatVectors}
    where user_id = ${userId} ${inChat} and (chat_id, id) > (${parameter('key')}::uuid, ${parameter('id')}::uuid)
    order by chat_id, id
    limit ${size}`;

const selectPageOfUser = perLimit<VectorPage, VectorRecord>('vectors.list#user', pageOf(sql``));
const selectPageOfChat = perLimit<VectorPage, VectorRecord>(
  'vectors.list#chat',
  pageOf(sql`and chat_id = ${chatId}`),
);

const deleteOne = compileStatement<{ userId: string; vectorId: string }, object>(
  'vectors.delete',
  sql`delete from ${chatVectors} where id = ${parameter('vectorId')} and user_id = ${userId} returning 1`,
);

// Counted on the server: the rows themselves are of no use here.
const countDeleted = (name: string, condition: ReturnType<typeof sql>) =>
  compileStatement<object, { count: number }>(
    name,
    sql`with deleted as (delete from ${chatVectors} where user_id = ${userId} and ${condition} returning 1)
      select count(*)::int as count from deleted`,
  );
const deleteOfMessage = countDeleted('vectors.deleteByMessage', sql`message_id = ${parameter('messageId')}`);
const deleteOfChat = countDeleted('vectors.deleteByChat', sql`chat_id = ${chatId}`);

const countOf = (variant: string, inChat: ReturnType<typeof sql>) =>
  compileStatement<{ userId: string; chatId: string | null }, { count: number }>(
    `vectors.count#${variant}`,
    sql`select count(*)::int as count from ${chatVectors} where user_id = ${userId} ${inChat}`,
  );
const countOfUser = countOf('user', sql``);
const countOfChat = countOf('chat', sql`and chat_id = ${chatId}`);

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
  ): ResultAsync<readonly string[], InsertError> =>
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
        .write(upsertVectors, params, options)
        .mapErr(missingParent(operation, PARENTS))
        .andThen(
          (rows): Result<readonly string[], InsertError> | ResultAsync<readonly string[], InsertError> => {
            if (rows.length === ids.length) return ok(ids);
            return executor.read(selectForeignMessage, scope, options).andThen((foreign) => {
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
        executor.read(selectByMessage, params, options),
      ),

    list: (given, options) =>
      checkInput('vectors.list', listInput, given).asyncAndThen(({ limit: size, cursor: after, ...scope }) =>
        decodeCursor('vectors.list', after, BEFORE_LOWEST_IDS)
          .asyncAndThen((start) => {
            const statement = scope.chatId === null ? selectPageOfUser : selectPageOfChat;
            return executor.read(statement(size + 1), { ...scope, ...start }, options);
          })
          .map((rows) => toPage('vectors.list', rows, size, (row) => ({ key: row.chatId, id: row.id }))),
      ),

    delete: (ref, options) =>
      checkInput('vectors.delete', z.strictObject({ userId: id, vectorId: id }), ref)
        .asyncAndThen((params) => executor.write(deleteOne, params, options))
        .map(hasRows),

    deleteByMessage: (ref, options) =>
      checkInput('vectors.deleteByMessage', messageScope, ref)
        .asyncAndThen((params) => executor.write(deleteOfMessage, params, options))
        .map(([row]) => row?.count ?? 0),

    deleteByChat: (ref, options) =>
      checkInput('vectors.deleteByChat', chatScope, ref)
        .asyncAndThen((params) => executor.write(deleteOfChat, params, options))
        .map(([row]) => row?.count ?? 0),

    count: (given, options) =>
      checkInput('vectors.count', countInput, given)
        .asyncAndThen((params) =>
          executor.read(params.chatId === null ? countOfUser : countOfChat, params, options),
        )
        .map(([row]) => row?.count ?? 0),
  };
}
