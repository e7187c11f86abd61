import { type SQL, sql } from 'drizzle-orm';
import { compileStatement, parameter, perLimit } from '../database/statement.js';
import { isTable, perPlace, type VectorPlace } from '../database/vector-tables.js';
import { chatMessages } from '../schema/chat-messages.js';
import { chatVectors } from '../schema/chat-vectors.js';
import { columnsOf } from './rows.js';
import { deletedVectors } from './vector-deletion.js';
import type { VectorRecord } from './vectors.js';

const recordColumns = columnsOf(chatVectors, ['embedding', 'embeddingCode']);
const userId = parameter('userId');
const chatId = parameter('chatId');
const tableOf = ({ table }: VectorPlace) => sql.identifier(table);

interface UpsertVectors {
  readonly userId: string;
  readonly ids: readonly string[];
  readonly chatIds: readonly string[];
  readonly messageIds: readonly (string | null)[];
  readonly contents: readonly string[];
  readonly metadatas: readonly (string | null)[];
  readonly embeddings: unknown;
  readonly model: string | null;
}

const input = sql`input as (
    select * from unnest(
      ${parameter('ids')}::uuid[], ${parameter('chatIds')}::uuid[], ${parameter('messageIds')}::uuid[],
      ${parameter('contents')}::text[], ${parameter('metadatas')}::text[], ${parameter('embeddings')}::vector[]
    ) as input (id, chat_id, message_id, content, metadata, embedding)
  )`;

export const replaced = sql`chat_id = excluded.chat_id, message_id = excluded.message_id, content = excluded.content,
        metadata = excluded.metadata, embedding = excluded.embedding, model = excluded.model, updated_at = now()`;

// What the foreign keys cannot see: a message of another chat, and an id that another user has. An id that
// another user takes at this very moment is only seen by ON CONFLICT, which leaves the row out: then the
// division fails the statement, so that nothing of the batch stays.
export const upsertVectors = perPlace((place) =>
  compileStatement<UpsertVectors, { id: string }>(
    `vectors.insertMany${place.variant}`,
    sql`with ${input}, refused as (
      select 1 from input
      where (message_id is not null and not exists (
          select from ${chatMessages} m where m.user_id = ${userId} and m.id = input.message_id and m.chat_id = input.chat_id))
        or exists (select from ${tableOf(place)} v where v.id = input.id and v.user_id <> ${userId})
    ), written as (
      insert into ${tableOf(place)} as stored (id, user_id, chat_id, message_id, content, metadata, embedding, model)
      select id, ${userId}::uuid, chat_id, message_id, content, metadata::jsonb, embedding, ${parameter('model')}::text
      from input where not exists (select from refused) and ${isTable(place)}
      on conflict (id) do update set ${replaced}
        where stored.user_id = excluded.user_id
      returning id
    )
    select id from written
    where case
      when exists (select from refused) or (select count(*) from written) = (select count(*) from input) then true
      else 1 / (select count(*) * 0 from written) = 0 end`,
  ),
);

interface InsertVector {
  readonly id: string;
  readonly userId: string;
  readonly chatId: string;
  readonly messageId: string | null;
  readonly content: string;
  readonly metadata: string | null;
  readonly embedding: unknown;
  readonly model: string | null;
}

// No row: the message is not one of the chat, or another user has the id.
export const upsertVector = perPlace((place) =>
  compileStatement<InsertVector, { id: string }>(
    `vectors.insert${place.variant}`,
    sql`insert into ${tableOf(place)} as stored (id, user_id, chat_id, message_id, content, metadata, embedding, model)
    select ${parameter('id')}::uuid, ${userId}::uuid, ${chatId}::uuid, ${parameter('messageId')}::uuid,
      ${parameter('content')}, ${parameter('metadata')}::jsonb, ${parameter('embedding')}::vector, ${parameter('model')}::text
    where (${parameter('messageId')}::uuid is null or exists (
      select from ${chatMessages} m
      where m.user_id = ${userId} and m.id = ${parameter('messageId')} and m.chat_id = ${chatId})) and ${isTable(place)}
    on conflict (id) do update set ${replaced}
      where stored.user_id = excluded.user_id
    returning id`,
  ),
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

export const selectByMessage = perPlace((place) =>
  compileStatement<{ userId: string; messageId: string }, VectorRecord>(
    `vectors.findByMessage${place.variant}`,
    sql`select ${recordColumns} from ${tableOf(place)}
      where user_id = ${userId} and message_id = ${parameter('messageId')} and ${isTable(place)} order by id`,
  ),
);

interface VectorPage {
  readonly userId: string;
  readonly chatId: string | null;
  readonly key: string;
  readonly id: string;
}

const pageOf = (place: VectorPlace, inChat: SQL) => (size: SQL) =>
  sql`select ${recordColumns} from ${tableOf(place)}
    where user_id = ${userId} ${inChat} and (chat_id, id) > (${parameter('key')}::uuid, ${parameter('id')}::uuid)
      and ${isTable(place)}
    order by chat_id, id
    limit ${size}`;

export const selectPageOfUser = perPlace((place) =>
  perLimit<VectorPage, VectorRecord>(`vectors.list#user${place.variant}`, pageOf(place, sql``)),
);
export const selectPageOfChat = perPlace((place) =>
  perLimit<VectorPage, VectorRecord>(
    `vectors.list#chat${place.variant}`,
    pageOf(place, sql`and chat_id = ${chatId}`),
  ),
);

// Counted on the server: the rows themselves are of no use here.
const countDeleted = (name: string, condition: SQL) =>
  perPlace((place) =>
    compileStatement<object, { count: number }>(
      `${name}${place.variant}`,
      sql`with ${deletedVectors(place, sql`v.user_id = ${userId} and ${condition}`)}
        select count(*)::int as count from deleted`,
    ),
  );
export const deleteOne = countDeleted('vectors.delete', sql`v.id = ${parameter('vectorId')}`);
export const deleteOfMessage = countDeleted(
  'vectors.deleteByMessage',
  sql`v.message_id = ${parameter('messageId')}`,
);
export const deleteOfChat = countDeleted('vectors.deleteByChat', sql`v.chat_id = ${chatId}`);

const countOf = (name: string, inChat: SQL) =>
  perPlace((place) =>
    compileStatement<{ userId: string; chatId: string | null }, { count: number }>(
      `vectors.count#${name}${place.variant}`,
      sql`select count(*)::int as count from ${tableOf(place)} where user_id = ${userId} ${inChat} and ${isTable(place)}`,
    ),
  );
export const countOfUser = countOf('user', sql``);
export const countOfChat = countOf('chat', sql`and chat_id = ${chatId}`);
