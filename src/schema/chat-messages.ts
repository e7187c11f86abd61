import { sql } from 'drizzle-orm';
import { check, foreignKey, index, pgTable, text, unique, uuid, varchar } from 'drizzle-orm/pg-core';
import { chats } from './chats.js';
import { instant, jsonObject } from './column-types.js';

export const MESSAGE_ROLES = [
  'user',
  'assistant',
  'system',
  'tool',
] as const satisfies readonly MessageRole[];
export type MessageRole = 'user' | 'assistant' | 'system' | 'tool';

/** What was said, in order of `created_at`, then `id`. */
export const chatMessages = pgTable(
  'chat_messages',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    userId: uuid('user_id').notNull(),
    chatId: uuid('chat_id').notNull(),
    role: varchar('role', { length: 50, enum: MESSAGE_ROLES }).notNull(),
    content: text('content').notNull(),
    metadata: jsonObject('metadata'),
    createdAt: instant('created_at').notNull().default(sql`now()`),
  },
  (table) => [
    // The owner is part of the key: a message can never stand in another user's chat.
    foreignKey({
      name: 'chat_messages_user_id_chat_id_fkey',
      columns: [table.userId, table.chatId],
      foreignColumns: [chats.userId, chats.id],
    }).onDelete('cascade'),
    // What the composite foreign key of vectors points at.
    unique('chat_messages_user_id_id_key').on(table.userId, table.id),
    check('chat_messages_role_check', sql`${table.role} in ('user', 'assistant', 'system', 'tool')`),
    // Serves messages.list and history in both directions, and the cascade from chats.
    index('idx_chat_messages_chat_id_created_at').on(table.chatId, table.createdAt, table.id),
    // Serves messages.search in the default language. A prefix, since a tsvector holds 1 MB at most and a
    // longer text would fail to insert.
    index('idx_chat_messages_content_fts').using(
      'gin',
      sql`to_tsvector('english'::regconfig, left(${table.content}, 100000))`,
    ),
  ],
);
