import { PGVectorStore } from '@langchain/community/vectorstores/pgvector';
import { Embeddings } from '@langchain/core/embeddings';
import pg from 'pg';
import type { LangChainIngest, LangChainIngestPeer } from '../ingest/langchain-port.js';

/** The vectors are there before; nothing is embedded. */
class NoEmbeddings extends Embeddings {
  embedDocuments(): Promise<number[][]> {
    throw new Error('nothing is embedded here');
  }
  embedQuery(): Promise<number[]> {
    throw new Error('nothing is embedded here');
  }
}

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
