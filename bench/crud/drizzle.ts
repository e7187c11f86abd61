import { and, desc, eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { chatMessages, chats, chatVectors, users } from '../../src/schema/index.js';
import { openPool } from '../harness/pool.js';
import type { NewRow, Scope, VectorBatch } from './ways.js';

/** The same work by Drizzle, on the same tables, in the way its documentation shows. */
export function openDrizzle(databaseUrl: string, poolSize: number) {
  const pool = openPool(databaseUrl, poolSize);
  const db = drizzle({ client: pool });
  return {
    getUser: async (id: string) => {
      const [user] = await db.select().from(users).where(eq(users.id, id));
      if (user === undefined) throw new Error('no such user');
      return user;
    },
    listMessages: ({ userId, chatId }: Scope, limit: number) =>
      db
        .select()
        .from(chatMessages)
        .where(and(eq(chatMessages.userId, userId), eq(chatMessages.chatId, chatId)))
        .orderBy(desc(chatMessages.createdAt), desc(chatMessages.id))
        .limit(limit),
    listChats: (userId: string, limit: number) =>
      db
        .select()
        .from(chats)
        .where(eq(chats.userId, userId))
        .orderBy(desc(chats.updatedAt), desc(chats.id))
        .limit(limit),
    append: ({ userId, chatId, role, content }: NewRow) =>
      db.transaction(async (tx) => {
        const [message] = await tx.insert(chatMessages).values({ userId, chatId, role, content }).returning();
        await tx
          .update(chats)
          .set({ updatedAt: sql`now()` })
          .where(and(eq(chats.userId, userId), eq(chats.id, chatId)));
        return message;
      }),
    insertVectors: async ({ userId, rows }: VectorBatch) => {
      const stored = await db
        .insert(chatVectors)
        .values(rows.map((row) => ({ ...row, userId })))
        .returning({ id: chatVectors.id });
      return stored.map(({ id }) => id);
    },
    close: () => pool.end(),
  };
}
