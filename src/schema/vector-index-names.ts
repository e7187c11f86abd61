/** The HNSW index on a table of vectors, and the one on a single user's rows of it. */
export const hnswIndexName = (table: string) => `idx_${table}_embedding_hnsw`;
export const partialHnswIndexName = (table: string, userId: string) =>
  `idx_${table}_hnsw_${userId.replaceAll('-', '')}`;
