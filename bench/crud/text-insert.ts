import { randomUUID } from 'node:crypto';
import { openPool } from '../harness/pool.js';
import type { VectorBatch } from './ways.js';

const COLUMNS = 5;

/** LangChain's form of storing vectors, on our table: one INSERT of many rows, each vector as text. */
export function openTextInsert(databaseUrl: string, poolSize: number) {
  const pool = openPool(databaseUrl, poolSize);
  return {
    insertVectors: async ({ userId, rows }: VectorBatch) => {
      const values = rows.flatMap(({ chatId, content, embedding }) => [
        randomUUID(),
        userId,
        chatId,
        content,
        `[${embedding.join(',')}]`,
      ]);
      const placeholders = rows.map(
        (_, row) =>
          `(${Array.from({ length: COLUMNS }, (_, column) => `$${row * COLUMNS + column + 1}`).join(', ')})`,
      );
      const stored = await pool.query<{ id: string }>(
        `insert into chat_vectors (id, user_id, chat_id, content, embedding) values ${placeholders.join(', ')} returning id`,
        values,
      );
      return stored.rows.map(({ id }) => id);
    },
    close: () => pool.end(),
  };
}
