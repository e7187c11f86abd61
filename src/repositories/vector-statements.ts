import { type SQL, sql } from 'drizzle-orm';
import { compileStatement, parameter, perLimit } from '../database/statement.js';
import { chatMessages } from '../schema/chat-messages.js';
import { chatVectors } from '../schema/chat-vectors.js';
import { columnsOf } from './rows.js';
import type { VectorRecord } from './vectors.js';

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

export const replaced = sql`chat_id = excluded.chat_id, message_id = excluded.message_id, content = excluded.content,
        metadata = excluded.metadata, embedding = excluded.embedding, updated_at = now()`;

// What the foreign keys cannot see: a message of another chat, and an id that another user has. An id that
// another user takes at this very moment is only seen by ON CONFLICT, which leaves the row out: then the
// division fails the statement, so that nothing of the batch stays.
export const upsertVectors = compileStatement<UpsertVectors, { id: string }>(
  'vectors.insertMany',
  sql`with ${input}, refused as (
      select 1 from input
      where (message_id is not null and not exists (
          select from ${chatMessages} m where m.user_id = ${userId} and m.id = input.message_id and m.chat_id = input.chat_id))
        or exists (select from ${chatVectors} v where v.id = input.id and v.user_id <> ${userId})
    ), written as (
      insert into ${chatVectors} (id, user_id, chat_id, message_id, content, metadata, embedding)
      select id, ${userId}::uuid, chat_id, message_id, content, metadata::jsonb, embedding
      from input where not exists (select from refused)
      on conflict (id) do update set ${replaced}
        where chat_vectors.user_id = excluded.user_id
      returning id
    )
    select id from written
    where case
      when exists (select from refused) or (select count(*) from written) = (select count(*) from input) then true
      else 1 / (select count(*) * 0 from written) = 0 end`,
);

interface InsertVector {
  readonly id: string;
  readonly userId: string;
  readonly chatId: string;
  readonly messageId: string | null;
  readonly content: string;
  readonly metadata: string | null;
  readonly embedding: unknown;
}

// No row: the message is not one of the chat, or another user has the id.
export const upsertVector = compileStatement<InsertVector, { id: string }>(
  'vectors.insert',
  sql`insert into ${chatVectors} (id, user_id, chat_id, message_id, content, metadata, embedding)
    select ${parameter('id')}::uuid, ${userId}::uuid, ${chatId}::uuid, ${parameter('messageId')}::uuid,
      ${parameter('content')}, ${parameter('metadata')}::jsonb, ${parameter('embedding')}::vector
    where ${parameter('messageId')}::uuid is null or exists (
      select from ${chatMessages} m
      where m.user_id = ${userId} and m.id = ${parameter('messageId')} and m.chat_id = ${chatId})
    on conflict (id) do update set ${replaced}
      where chat_vectors.user_id = excluded.user_id
    returning id`,
);

export const selectForeignMessage = compileStatement<
  Pick<UpsertVectors, 'userId' | 'chatIds' | 'messageIds'>,
  object
>(
  'vectors.insertMany#message',
  sql`select 1 from unnest(${parameter('chatIds')}::uuid[], ${parameter('messageIds')}::uuid[]) as input (chat_id, message_id)
    where message_id is not null and not exists (
      select from ${chatMessages} m where m.user_id = ${userId} and m.id = input.message_id and m.chat_id = input.chat_id)
    limit 1`,
);

export const selectByMessage = compileStatement<{ userId: string; messageId: string }, VectorRecord>(
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

const pageOf = (inChat: SQL) => (size: SQL) =>
  sql`select ${recordColumns} from ${chatVectors}
    where user_id = ${userId} ${inChat} and (chat_id, id) > (${parameter('key')}::uuid, ${parameter('id')}::uuid)
    order by chat_id, id
    limit ${size}`;

export const selectPageOfUser = perLimit<VectorPage, VectorRecord>('vectors.list#user', pageOf(sql``));
export const selectPageOfChat = perLimit<VectorPage, VectorRecord>(
  'vectors.list#chat',
  pageOf(sql`and chat_id = ${chatId}`),
);

export const deleteOne = compileStatement<{ userId: string; vectorId: string }, object>(
  'vectors.delete',
  sql`delete from ${chatVectors} where id = ${parameter('vectorId')} and user_id = ${userId} returning 1`,
);

// Counted on the server: the rows themselves are of no use here.
const countDeleted = (name: string, condition: SQL) =>
  compileStatement<object, { count: number }>(
    name,
    sql`with deleted as (delete from ${chatVectors} where user_id = ${userId} and ${condition} returning 1)
      select count(*)::int as count from deleted`,
  );
export const deleteOfMessage = countDeleted(
  'vectors.deleteByMessage',
  sql`message_id = ${parameter('messageId')}`,
);
export const deleteOfChat = countDeleted('vectors.deleteByChat', sql`chat_id = ${chatId}`);

const countOf = (variant: string, inChat: SQL) =>
  compileStatement<{ userId: string; chatId: string | null }, { count: number }>(
    `vectors.count#${variant}`,
    sql`select count(*)::int as count from ${chatVectors} where user_id = ${userId} ${inChat}`,
  );
export const countOfUser = countOf('user', sql``);
export const countOfChat = countOf('chat', sql`and chat_id = ${chatId}`);
