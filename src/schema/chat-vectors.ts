import { sql } from 'drizzle-orm';
import { foreignKey, index, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { chatMessages } from './chat-messages.js';
import { chats } from './chats.js';
import { bitString, embeddingVector, instant, jsonObject } from './column-types.js';
import { DEFAULT_EMBEDDING, type EmbeddingShape } from './embedding-shape.js';

/**
 * The table of embeddings for one shape; {@link chatVectors} is the one for the default shape.
 *
 * Two facts of it that Drizzle cannot say are in the migrations alone: `embedding` is stored in line
 * (`STORAGE MAIN`, 2–3× faster exact search), and the covering index carries `id` and `embedding_code`.
 */
export function chatVectorsTable(embedding: EmbeddingShape) {
  return pgTable(
    'chat_vectors',
    {
      id: uuid('id').primaryKey().defaultRandom(),
      userId: uuid('user_id').notNull(),
      chatId: uuid('chat_id').notNull(),
      messageId: uuid('message_id'),
      content: text('content').notNull(),
      embedding: embeddingVector('embedding', embedding).notNull(),
      metadata: jsonObject('metadata'),
      createdAt: instant('created_at').notNull().default(sql`now()`),
      updatedAt: instant('updated_at').notNull().default(sql`now()`),
      // The sign of each dimension, computed by the server: the 1-bit codes of the covering index.
      embeddingCode: bitString('embedding_code', { length: embedding.dimensions }).generatedAlwaysAs(
        sql`binary_quantize(embedding)`,
      ),
      // What computed the embedding; null where the configuration did not say.
      model: text('model'),
    },
    (table) => [
      foreignKey({
        name: 'chat_vectors_user_id_chat_id_fkey',
        columns: [table.userId, table.chatId],
        foreignColumns: [chats.userId, chats.id],
      }).onDelete('cascade'),
      foreignKey({
        name: 'chat_vectors_user_id_message_id_fkey',
        columns: [table.userId, table.messageId],
        foreignColumns: [chatMessages.userId, chatMessages.id],
      }).onDelete('cascade'),
      // Serves vectors.findByMessage and the cascade from messages.
      index('idx_chat_vectors_message_id').on(table.messageId),
      // Serves every search and listing in a user's or chat's scope, and the cascade from chats.
      index('idx_chat_vectors_user_id_chat_id').on(table.userId, table.chatId),
      // Serves vectorSearch.hybridSearch in the default language. A prefix, since a tsvector holds 1 MB at most
      // and a longer text would fail to insert.
      index('idx_chat_vectors_content_fts').using(
        'gin',
        sql`to_tsvector('english'::regconfig, left(${table.content}, 100000))`,
      ),
      // Serves the searches of very large users; built concurrently, left out by migrate({ hnsw: 'skip' }).
      index('idx_chat_vectors_embedding_hnsw')
        .using('hnsw', table.embedding.op(`${embedding.column}_cosine_ops`))
        .with({ m: 16, ef_construction: 64 }),
    ],
  );
}

/** One row an embedded text, in the default shape ({@link DEFAULT_EMBEDDING}). */
export const chatVectors = chatVectorsTable(DEFAULT_EMBEDDING);
