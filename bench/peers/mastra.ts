import { PgVector, PostgresStore } from '@mastra/pg';
import type { Mastra, MastraPeer } from '../crud/mastra-port.js';

export const openMastra: MastraPeer['openMastra'] = async (
  connectionString,
  max,
  dimension,
): Promise<Mastra> => {
  const store = new PostgresStore({ id: 'bench', connectionString, max });
  await store.init();
  const memory = await store.getStore('memory');
  if (memory === undefined) throw new Error('this version of @mastra/pg has no store for memory');
  const vector = new PgVector({ id: 'bench', connectionString, max });
  const indexName = 'mastra_vectors';
  await vector.createIndex({ indexName, dimension, indexConfig: { type: 'flat' }, buildIndex: false });

  return {
    saveMessage: ({ text, ...message }) =>
      memory.saveMessages({
        messages: [{ ...message, role: 'user', content: { format: 2, parts: [{ type: 'text', text }] } }],
      }),

    async listMessages(threadId, perPage, includeTotal) {
      const { messages } = await memory.listMessages({
        threadId,
        perPage,
        page: 0,
        orderBy: { field: 'createdAt', direction: 'DESC' },
        ...(includeTotal ? {} : { includeTotal }),
      });
      return messages.map((message) => ({
        id: message.id,
        threadId: message.threadId ?? '',
        resourceId: message.resourceId ?? '',
        text: message.content.parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
        createdAt: message.createdAt,
      }));
    },

    async listThreads(resourceId, perPage) {
      const orderBy = { field: 'updatedAt', direction: 'DESC' } as const;
      const { threads } = await memory.listThreads({ filter: { resourceId }, perPage, page: 0, orderBy });
      return threads;
    },

    upsertVectors: (rows) =>
      vector.upsert({
        indexName,
        vectors: rows.map(({ embedding }) => embedding),
        metadata: rows.map(({ content, chatId }) => ({ content, chatId })),
      }),

    async close() {
      await store.close();
      await vector.disconnect();
    },
  };
};
