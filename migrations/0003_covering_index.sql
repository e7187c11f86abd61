-- transactional: false
-- Serves every search and listing in a user's or chat's scope; the codes let a search rank by Hamming
-- distance without touching the table.
CREATE INDEX CONCURRENTLY "idx_chat_vectors_user_id_chat_id" ON "chat_vectors" USING btree ("user_id","chat_id") INCLUDE ("id","embedding_code");
