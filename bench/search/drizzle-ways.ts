import { and, cosineDistance, desc, eq, gt, gte, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { jsonb, pgTable, text, timestamp, uuid, vector } from 'drizzle-orm/pg-core';
import type pg from 'pg';
import { chatVectors } from '../../src/schema/index.js';
import { LIMIT } from './questions.js';
import { ANY_SIMILARITY, type Way } from './ways.js';

/** As the ADR has it. */
const adrVectors = pgTable('adr_chat_vectors', {
  id: uuid('id').primaryKey(),
  userId: uuid('user_id').notNull(),
  chatId: uuid('chat_id').notNull(),
  messageId: uuid('message_id'),
  content: text('content').notNull(),
  embedding: vector('embedding', { dimensions: 1536 }).notNull(),
  metadata: jsonb('metadata'),
  createdAt: timestamp('created_at').notNull().defaultNow(),
});

type Table = typeof adrVectors | typeof chatVectors;

const hitOf = ({ id, content, chatId, messageId, metadata, createdAt }: Table) => ({
  id,
  content,
  chatId,
  messageId,
  metadata,
  createdAt,
});

/** The search of the ADR, on its own table or on ours: the threshold in WHERE, the order by similarity. */
export function adrWay(pool: pg.Pool, table: 'its own' | 'ours'): Way {
  const db = drizzle({ client: pool });
  const rows = table === 'its own' ? adrVectors : chatVectors;
  return {
    name: table === 'its own' ? 'adr' : 'adr, our table',
    search: async ({ numbers, userId }) => {
      const similarity = sql<number>`1 - (${rows.embedding} <=> ${JSON.stringify(numbers)}::vector)`;
      const hits = await db
        .select({ ...hitOf(rows), similarity: similarity.as('similarity') })
        .from(rows)
        .where(and(eq(rows.userId, userId), gte(similarity, ANY_SIMILARITY)))
        .orderBy(sql`similarity desc`)
        .limit(LIMIT);
      return hits.map(({ id }) => id);
    },
    close: async () => {},
  };
}

/** The search of Drizzle's documentation, on our table. https://orm.drizzle.team/docs/guides/vector-similarity-search */
export function drizzleWay(pool: pg.Pool): Way {
  const db = drizzle({ client: pool });
  return {
    name: 'drizzle',
    search: async ({ numbers, userId }) => {
      const similarity = sql<number>`1 - (${cosineDistance(chatVectors.embedding, numbers)})`;
      const hits = await db
        .select({ ...hitOf(chatVectors), similarity })
        .from(chatVectors)
        .where(and(eq(chatVectors.userId, userId), gt(similarity, ANY_SIMILARITY)))
        .orderBy((found) => desc(found.similarity))
        .limit(LIMIT);
      return hits.map(({ id }) => id);
    },
    close: async () => {},
  };
}
