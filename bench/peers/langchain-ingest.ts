import { PGVectorStore } from '@langchain/community/vectorstores/pgvector';
import pg from 'pg';
import type { LangChainIngest, LangChainIngestPeer } from '../ingest/langchain-port.js';
import { NoEmbeddings } from './no-embeddings.js';

export const openLangChainIngest: LangChainIngestPeer['openLangChainIngest'] = async (
  connectionString,
  tableName,
  dimensions,
): Promise<LangChainIngest> => {
  const pool = new pg.Pool({ connectionString });
  pool.on('error', () => {});
  const store = await PGVectorStore.initialize(new NoEmbeddings({}), { pool, tableName, dimensions });

  return {
    addVectors: (rows, userId) =>
      store.addVectors(
        rows.map(({ embedding }) => embedding),
        rows.map(({ content, chatId, metadata }) => ({
          pageContent: content,
          metadata: { ...metadata, userId, chatId },
        })),
      ),
    buildHnsw: () => store.createHnswIndex({ dimensions, m: 16, efConstruction: 64 }),
    close: () => store.end(),
  };
};
