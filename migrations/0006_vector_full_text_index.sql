-- transactional: false
-- Serves the full-text half of a hybrid search. A prefix, as in 0004: a tsvector holds 1 MB at most.
CREATE INDEX CONCURRENTLY "idx_chat_vectors_content_fts" ON "chat_vectors" USING gin (to_tsvector('english'::regconfig, left("content", 100000)));
