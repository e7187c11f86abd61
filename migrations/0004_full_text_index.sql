-- transactional: false
CREATE INDEX CONCURRENTLY "idx_chat_messages_content_fts" ON "chat_messages" USING gin (to_tsvector('english'::regconfig, "content"));
