/**
 * The indexes of `chat_vectors` that searches stand on.
 *
 * - `covering`: user and chat, with the 1-bit codes; serves every search and listing. Always there.
 * - `full-text`: the words of the texts, for hybrid searches. Always there.
 * - `hnsw`: the graph of all vectors, for very large users.
 * - `partial-hnsw`: the same for the vectors of one user.
 * - `metadata`: user and the value of one metadata field.
 */
export type VectorIndexKind = 'covering' | 'full-text' | 'hnsw' | 'partial-hnsw' | 'metadata';
