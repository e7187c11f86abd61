import { PGVectorStore } from '@langchain/community/vectorstores/pgvector';
import pg from 'pg';
import type { LangChainPeer, PeerSearch } from '../search/peer-ports.js';
import { NoEmbeddings } from './no-embeddings.js';

export const openLangChain: LangChainPeer['openLangChain'] = async ({
  databaseUrl,
  poolSize,
  dimensions,
  tableName,
  onNotice,
}): Promise<PeerSearch> => {
  // One client more: it checks one out when it opens, and keeps it.
  const pool = new pg.Pool({ connectionString: databaseUrl, max: poolSize + 1 });
  pool.on('connect', (client) => {
    client.on('notice', ({ message }) => onNotice?.(message ?? ''));
    // That one client has no listener: when a run fails, the end of the server would hide why.
    client.on('error', () => {});
  });
  pool.on('error', () => {});
  const store = await PGVectorStore.initialize(new NoEmbeddings({}), { pool, tableName, dimensions });

  return {
    tableName,
    buildIndex: () => store.createHnswIndex({ dimensions, m: 16, efConstruction: 64 }),
    search: async (embedding, userId, limit) => {
      const hits = await store.similaritySearchVectorWithScore(embedding, limit, { user_id: userId });
      return hits.map(([{ id }]) => id ?? '');
    },
    close: () => store.end(),
  };
};
