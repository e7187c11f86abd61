import { type SQL, sql } from 'drizzle-orm';
import { embeddingParameter } from '../database/embedding.js';
import { compileStatement, parameter, perLimit } from '../database/statement.js';
import { isTable, perPlace, type VectorPlace } from '../database/vector-tables.js';
import { chatMessages, type MessageRole } from '../schema/chat-messages.js';
import { chats } from '../schema/chats.js';
import type { Message } from './messages.js';
import { columnsOf } from './rows.js';
import { deletedVectors } from './vector-deletion.js';

const messageColumns = columnsOf(chatMessages);
const userId = parameter('userId');
const chatId = parameter('chatId');
const inChat = sql`user_id = ${userId} and chat_id = ${chatId}`;

export interface ChatScope {
  readonly userId: string;
  readonly chatId: string;
}

// The owner's chat, touched; no row where there is none or an id is taken, and then nothing else happens either.
const touchedChat = (isFree: SQL) => sql`touched_chat as (
    update ${chats} set updated_at = greatest(updated_at, now())
    where user_id = ${userId} and id = ${chatId} and ${isFree}
    returning id
  )`;

export interface InsertMessage extends ChatScope {
  readonly id: string;
  readonly role: MessageRole;
  readonly content: string;
  readonly metadata: string | null;
}

const isNewMessage = sql`not exists (select from ${chatMessages} stored where stored.id = ${parameter('id')}::uuid)`;
const insertedMessage = sql`${touchedChat(isNewMessage)}, inserted as (
    insert into ${chatMessages} (id, user_id, chat_id, role, content, metadata)
    select ${parameter('id')}::uuid, ${userId}::uuid, id, ${parameter('role')}, ${parameter('content')}, ${parameter('metadata')}::jsonb
    from touched_chat
    on conflict (id) do nothing
    returning *
  )`;

export const insertMessage = compileStatement<InsertMessage, Message>(
  'messages.append',
  sql`with ${insertedMessage} select ${messageColumns} from inserted`,
);

export interface NewVector {
  readonly vectorId: string;
  readonly embedding: unknown;
  readonly model: string | null;
}

export type InsertMessageWithVector = InsertMessage & NewVector;

/** The vector of the message in the given CTE. */
const insertedVector = (place: VectorPlace, message: SQL) => sql`inserted_vector as (
    insert into ${sql.identifier(place.table)} (id, user_id, chat_id, message_id, content, embedding, metadata, model)
    select ${parameter('vectorId')}::uuid, user_id, chat_id, id, content, ${embeddingParameter(place.column)}, metadata, ${parameter('model')}::text
    from ${message} where ${isTable(place)}
  )`;

export const insertMessageWithVector = perPlace((place) =>
  compileStatement<InsertMessageWithVector, Message>(
    `messages.append#vector${place.variant}`,
    sql`with ${insertedMessage}, ${insertedVector(place, sql`inserted`)}
      select ${messageColumns} from inserted`,
  ),
);

export interface InsertMessages extends ChatScope {
  readonly ids: readonly string[];
  readonly roles: readonly MessageRole[];
  readonly contents: readonly string[];
  readonly metadatas: readonly (string | null)[];
}

// Rows that are there already are left out rather than skipped by ON CONFLICT: a row that clashes all the
// same then fails the statement as a whole, and nothing of the batch stays.
const insertedMessages = sql`input as (
    select * from unnest(
      ${parameter('ids')}::uuid[], ${parameter('roles')}::text[], ${parameter('contents')}::text[], ${parameter('metadatas')}::text[]
    ) as input (id, role, content, metadata)
  ), clash as (
    select 1 from ${chatMessages} stored join input using (id)
    where (stored.user_id, stored.chat_id, stored.role, stored.content)
      is distinct from (${userId}::uuid, ${chatId}::uuid, input.role, input.content)
  ), ${touchedChat(sql`not exists (select from clash)`)}, inserted as (
    insert into ${chatMessages} (id, user_id, chat_id, role, content, metadata)
    select input.id, ${userId}::uuid, touched_chat.id, input.role, input.content, input.metadata::jsonb
    from input cross join touched_chat
    where not exists (select from ${chatMessages} stored where stored.id = input.id)
    returning *
  )`;

// Both halves read the same snapshot, so a row is in one of them, never in both.
const storedOrInserted = sql`
  select ${messageColumns} from inserted
  union all
  select ${messageColumns} from ${chatMessages} where ${inChat} and id = any(${parameter('ids')}::uuid[])
    and not exists (select from clash)`;

export const insertMessages = compileStatement<InsertMessages, Message>(
  'messages.appendMany',
  sql`with ${insertedMessages} ${storedOrInserted}`,
);

export interface InsertMessagesWithVectors extends InsertMessages {
  readonly vectorIds: readonly string[];
  /** The message of each vector. */
  readonly vectorMessageIds: readonly string[];
  readonly embeddings: unknown;
  readonly model: string | null;
}

export const insertMessagesWithVectors = perPlace((place) =>
  compileStatement<InsertMessagesWithVectors, Message>(
    `messages.appendMany#vectors${place.variant}`,
    sql`with ${insertedMessages}, inserted_vectors as (
      insert into ${sql.identifier(place.table)} (id, user_id, chat_id, message_id, content, embedding, metadata, model)
      select vectors.id, inserted.user_id, inserted.chat_id, inserted.id, inserted.content, vectors.embedding,
        inserted.metadata, ${parameter('model')}::text
      from inserted join unnest(
        ${parameter('vectorIds')}::uuid[], ${parameter('vectorMessageIds')}::uuid[], ${parameter('embeddings')}::vector[]
      ) as vectors (id, message_id, embedding) on vectors.message_id = inserted.id
      where ${isTable(place)}
    )
    ${storedOrInserted}`,
  ),
);

export interface MessageKey extends ChatScope {
  readonly messageId: string;
}

/** Whether the chat is the user's: tells an unknown chat from a taken id. */
export const selectChat = compileStatement<ChatScope, object>(
  'messages.append#chat',
  sql`select 1 from ${chats} where user_id = ${userId} and id = ${chatId}`,
);

const ofMessage = sql`id = ${parameter('messageId')} and ${inChat}`;

export const selectMessage = compileStatement<MessageKey, Message>(
  'messages.findById',
  sql`select ${messageColumns} from ${chatMessages} where ${ofMessage}`,
);

export interface MessagePage extends ChatScope {
  readonly key: string;
  readonly id: string;
}

/**
 * Messages of one chat in the order of `idx_chat_messages_chat_id_created_at`.
 *
 * The chat is a range of one, and comes from a subquery. By equality a reused plan takes it for an average
 * chat, gathers all of it and sorts: 1,500 pages and more instead of 10 for a chat of 20,000, from the sixth
 * call on. Of this range the planner knows nothing, so it takes the index that is in order, where the LIMIT
 * ends the scan. `coalesce` keeps the index on the user out; all messages of a chat are of one user.
 */
const pageOf = (comparison: SQL, bound: SQL, direction: SQL) => (size: SQL) =>
  sql`select ${messageColumns} from ${chatMessages}
    where (chat_id, created_at, id) ${comparison} ((select ${chatId}::uuid), ${parameter('key')}::timestamptz, ${parameter('id')}::uuid)
      and chat_id ${bound} (select ${chatId}::uuid) and coalesce(user_id = ${userId}, false)
    order by chat_id ${direction}, created_at ${direction}, id ${direction}
    limit ${size}`;
const newestFirst = pageOf(sql`<`, sql`>=`, sql`desc`);
const oldestFirst = pageOf(sql`>`, sql`<=`, sql`asc`);

export const selectNewestFirst = perLimit<MessagePage, Message>('messages.list#newest', newestFirst);
export const selectOldestFirst = perLimit<MessagePage, Message>('messages.list#oldest', oldestFirst);
export const selectHistory = perLimit<MessagePage, Message>('messages.history', newestFirst);

export interface UpdateMessage extends MessageKey {
  readonly content: string | null;
  readonly setsMetadata: boolean;
  readonly metadata: string | null;
}

const updatedMessage = sql`updated as (
    update ${chatMessages} set
      content = coalesce(${parameter('content')}::text, content),
      metadata = case when ${parameter('setsMetadata')}::boolean then ${parameter('metadata')}::jsonb else metadata end
    where ${ofMessage}
    returning *
  )`;

/** A vector of a text that is no longer there must not be found: a new content takes them all away. */
const staleVectors = (place: VectorPlace) =>
  deletedVectors(place, sql`v.user_id = updated.user_id and v.message_id = updated.id`, sql`using updated`);

export const updateMetadata = compileStatement<UpdateMessage, Message>(
  'messages.update',
  sql`with ${updatedMessage} select ${messageColumns} from updated`,
);

export const updateMessage = perPlace((place) =>
  compileStatement<UpdateMessage, Message>(
    `messages.update#content${place.variant}`,
    sql`with ${updatedMessage}, ${staleVectors(place)} select ${messageColumns} from updated`,
  ),
);

export type UpdateMessageWithVector = UpdateMessage & NewVector;

export const updateMessageWithVector = perPlace((place) =>
  compileStatement<UpdateMessageWithVector, Message>(
    `messages.update#vector${place.variant}`,
    sql`with ${updatedMessage}, ${staleVectors(place)}, ${insertedVector(place, sql`updated`)}
      select ${messageColumns} from updated`,
  ),
);

export const deleteMessage = compileStatement<MessageKey, object>(
  'messages.delete',
  sql`delete from ${chatMessages} where ${ofMessage} returning 1`,
);

export interface SearchMessages {
  readonly userId: string;
  readonly chatId: string | null;
  readonly query: string;
  readonly language: string;
  readonly limit: number;
}

export interface FoundMessage extends Message {
  readonly rank: number;
}

const searchIn = (language: SQL) => sql`
  select ${messageColumns}, ts_rank_cd(to_tsvector(${language}, left(content, 100000)), query)::float8 as rank
  from ${chatMessages}, websearch_to_tsquery(${language}, ${parameter('query')}) query
  where user_id = ${userId} and (${chatId}::uuid is null or chat_id = ${chatId})
    and to_tsvector(${language}, left(content, 100000)) @@ query
  order by rank desc, created_at desc, id desc
  limit ${parameter('limit')}`;

/** The language of the full-text index; the index is used only where the text says so in a constant. */
export const INDEXED_LANGUAGE = 'english';
export const searchIndexedLanguage = compileStatement<SearchMessages, FoundMessage>(
  'messages.search',
  searchIn(sql`'english'::regconfig`),
);
export const searchOtherLanguage = compileStatement<SearchMessages, FoundMessage>(
  'messages.search#other',
  searchIn(sql`${parameter('language')}::regconfig`),
);
