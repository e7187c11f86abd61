import { PgVector } from '@mastra/pg';
import type { MastraSearchPeer, PeerSearch } from '../search/peer-ports.js';

const INDEX = 'mastra_search';

export const openMastraSearch: MastraSearchPeer['openMastraSearch'] = async ({
  databaseUrl,
  poolSize,
  dimensions: dimension,
  onNotice,
}): Promise<PeerSearch> => {
  const vector = new PgVector({ id: 'bench-search', connectionString: databaseUrl, max: poolSize });
  vector.pool.on('connect', (client) => client.on('notice', ({ message }) => onNotice?.(message ?? '')));
  const indexConfig = { type: 'hnsw', hnsw: { m: 16, efConstruction: 64 } } as const;
  await vector.createIndex({
    indexName: INDEX,
    dimension,
    metric: 'cosine',
    indexConfig,
    metadataIndexes: ['user_id'],
    buildIndex: false,
  });

  return {
    tableName: INDEX,
    buildIndex: () => vector.buildIndex({ indexName: INDEX, metric: 'cosine', indexConfig }),
    search: async (queryVector, userId, topK) => {
      const hits = await vector.query({ indexName: INDEX, queryVector, topK, filter: { user_id: userId } });
      return hits.map(({ id }) => id);
    },
    close: () => vector.disconnect(),
  };
};
