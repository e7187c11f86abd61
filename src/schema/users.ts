import { sql } from 'drizzle-orm';
import { boolean, pgTable, uniqueIndex, uuid, varchar } from 'drizzle-orm/pg-core';
import { instant } from './column-types.js';

/** The people who chat. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    email: varchar('email', { length: 255 }).notNull(),
    emailVerified: boolean('email_verified').notNull().default(false),
    firstName: varchar('first_name', { length: 255 }),
    lastName: varchar('last_name', { length: 255 }),
    createdAt: instant('created_at').notNull().default(sql`now()`),
    updatedAt: instant('updated_at').notNull().default(sql`now()`),
    lastLogin: instant('last_login'),
  },
  (table) => [
    // Serves users.findByEmail; one account an address, whatever its case.
    uniqueIndex('email_idx').on(sql`lower(${table.email})`),
  ],
);
