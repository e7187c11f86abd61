-- transactional: false
-- A prefix, since a tsvector holds 1 MB at most and a longer text would fail to insert.
CREATE INDEX CONCURRENTLY "idx_chat_messages_content_fts" ON "chat_messages" USING gin (to_tsvector('english'::regconfig, left("content", 100000)));
