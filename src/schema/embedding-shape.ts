/** How an embedding is stored: `vector` (4 bytes a dimension, 1–2,000) or `halfvec` (2 bytes, 1–4,000). */
export type EmbeddingColumn = 'vector' | 'halfvec';

/** The shape of the embedding column. */
export interface EmbeddingShape {
  readonly dimensions: number;
  readonly column: EmbeddingColumn;
}

/** What computes the embeddings of a store. */
export interface EmbeddingModel extends EmbeddingShape {
  /** Its name, as each row records it; `null` where the configuration is silent. */
  readonly model: string | null;
}

/** What `text-embedding-3-small` and its kin give. */
export const DEFAULT_EMBEDDING = { dimensions: 1536, column: 'vector' } as const satisfies EmbeddingShape;

/** The most dimensions an HNSW index takes, by column type (pgvector 0.8). */
export const MAX_DIMENSIONS: Readonly<Record<EmbeddingColumn, number>> = { vector: 2_000, halfvec: 4_000 };
