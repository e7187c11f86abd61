-- transactional: false
-- optional: hnsw
CREATE INDEX CONCURRENTLY "idx_chat_vectors_embedding_hnsw" ON "chat_vectors" USING hnsw ("embedding" vector_cosine_ops) WITH (m=16,ef_construction=64);
