import { sql } from 'drizzle-orm';
import { index, pgTable, unique, uuid, varchar } from 'drizzle-orm/pg-core';
import { instant } from './column-types.js';
import { users } from './users.js';

/** A conversation of one user. */
export const chats = pgTable(
  'chats',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    title: varchar('title', { length: 255 }).notNull(),
    createdAt: instant('created_at').notNull().default(sql`now()`),
    updatedAt: instant('updated_at').notNull().default(sql`now()`),
  },
  (table) => [
    // What the composite foreign keys of messages and vectors point at.
    unique('chats_user_id_id_key').on(table.userId, table.id),
    // Serves chats.list, newest activity first, and chats.count. Nulls first, although there are none:
    // that is what a plain `order by … desc` asks for, and the planner matches it to the letter.
    index('idx_chats_user_id_updated_at').on(
      table.userId,
      table.updatedAt.desc().nullsFirst(),
      table.id.desc().nullsFirst(),
    ),
  ],
);
