// Made by `npm run migrations:bundle` from migrations/*.sql; do not edit.
/** Id and text of every migration, in order. */
export const BUNDLED_SQL: readonly (readonly [id: string, text: string])[] = [
  [
    '0000_extension',
    `CREATE EXTENSION IF NOT EXISTS vector;
`,
  ],
  [
    '0001_tables',
    `CREATE TABLE "chat_messages" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"chat_id" uuid NOT NULL,
	"role" varchar(50) NOT NULL,
	"content" text NOT NULL,
	"metadata" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "chat_messages_user_id_id_key" UNIQUE("user_id","id"),
	CONSTRAINT "chat_messages_role_check" CHECK ("chat_messages"."role" in ('user', 'assistant', 'system', 'tool'))
);
--> statement-breakpoint
CREATE TABLE "chat_vectors" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"chat_id" uuid NOT NULL,
	"message_id" uuid,
	"content" text NOT NULL,
	"embedding" vector(1536) NOT NULL,
	"metadata" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"embedding_code" bit(1536) GENERATED ALWAYS AS (binary_quantize(embedding)) STORED
);
--> statement-breakpoint
CREATE TABLE "chats" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"title" varchar(255) NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "chats_user_id_id_key" UNIQUE("user_id","id")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"email" varchar(255) NOT NULL,
	"email_verified" boolean DEFAULT false NOT NULL,
	"first_name" varchar(255),
	"last_name" varchar(255),
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_login" timestamp (3) with time zone
);
--> statement-breakpoint
ALTER TABLE "chat_messages" ADD CONSTRAINT "chat_messages_user_id_chat_id_fkey" FOREIGN KEY ("user_id","chat_id") REFERENCES "chats"("user_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "chat_vectors" ADD CONSTRAINT "chat_vectors_user_id_chat_id_fkey" FOREIGN KEY ("user_id","chat_id") REFERENCES "chats"("user_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "chat_vectors" ADD CONSTRAINT "chat_vectors_user_id_message_id_fkey" FOREIGN KEY ("user_id","message_id") REFERENCES "chat_messages"("user_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "chats" ADD CONSTRAINT "chats_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "idx_chat_messages_chat_id_created_at" ON "chat_messages" USING btree ("chat_id","created_at","id");--> statement-breakpoint
CREATE INDEX "idx_chat_vectors_message_id" ON "chat_vectors" USING btree ("message_id");--> statement-breakpoint
CREATE INDEX "idx_chats_user_id_updated_at" ON "chats" USING btree ("user_id","updated_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE UNIQUE INDEX "email_idx" ON "users" USING btree (lower("email"));
`,
  ],
  [
    '0002_vector_storage',
    `-- In line unless the row does not fit a page: out-of-line vectors make exact search 2-3 times slower,
-- and the planner does not count the cost. Changes no row that is already there.
ALTER TABLE "chat_vectors" ALTER COLUMN "embedding" SET STORAGE MAIN;
`,
  ],
  [
    '0003_covering_index',
    `-- transactional: false
-- Serves every search and listing in a user's or chat's scope; the codes let a search rank by Hamming
-- distance without touching the table.
CREATE INDEX CONCURRENTLY "idx_chat_vectors_user_id_chat_id" ON "chat_vectors" USING btree ("user_id","chat_id") INCLUDE ("id","embedding_code");
`,
  ],
  [
    '0004_full_text_index',
    `-- transactional: false
-- A prefix, since a tsvector holds 1 MB at most and a longer text would fail to insert.
CREATE INDEX CONCURRENTLY "idx_chat_messages_content_fts" ON "chat_messages" USING gin (to_tsvector('english'::regconfig, left("content", 100000)));
`,
  ],
  [
    '0005_hnsw_index',
    `-- transactional: false
-- optional: hnsw
CREATE INDEX CONCURRENTLY "idx_chat_vectors_embedding_hnsw" ON "chat_vectors" USING hnsw ("embedding" vector_cosine_ops) WITH (m=16,ef_construction=64);
`,
  ],
  [
    '0006_vector_full_text_index',
    `-- transactional: false
-- Serves the full-text half of a hybrid search. A prefix, as in 0004: a tsvector holds 1 MB at most.
CREATE INDEX CONCURRENTLY "idx_chat_vectors_content_fts" ON "chat_vectors" USING gin (to_tsvector('english'::regconfig, left("content", 100000)));
`,
  ],
  [
    '0007_embedding_model',
    `ALTER TABLE "chat_vectors" ADD COLUMN "model" text;
--> statement-breakpoint
-- At most one row: the last re-embedding, and where it stands. What the vectors are of is told by this row, since
-- two models may have the same dimensions.
CREATE TABLE "macro_store_reembedding" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"phase" text NOT NULL,
	"source_type" text NOT NULL,
	"source_model" text,
	"target_type" text NOT NULL,
	"target_model" text NOT NULL,
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"cut_over_at" timestamp (3) with time zone,
	CONSTRAINT "macro_store_reembedding_is_only_check" CHECK ("is_only"),
	CONSTRAINT "macro_store_reembedding_phase_check" CHECK ("phase" in ('backfilling', 'cut-over', 'finished'))
);
--> statement-breakpoint
-- Every process looks here before it uses vectors, whatever its role; there are names of models only.
GRANT SELECT ON "macro_store_reembedding" TO PUBLIC;
`,
  ],
  [
    '0008_sessions',
    `-- Where sessions.durable keeps sessions. Of tokens there are hashes only; \`user_tag\` is one of the user's id.
CREATE TABLE "macro_store_sessions" (
	"user_tag" text NOT NULL,
	"id" text NOT NULL,
	"secret_hash" text NOT NULL,
	"version" integer NOT NULL,
	"user_id" text NOT NULL,
	"ip" text,
	"user_agent" text,
	"data" text NOT NULL,
	"idle_ms" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"ends_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "macro_store_sessions_pkey" PRIMARY KEY ("user_tag","id")
);
--> statement-breakpoint
-- Serves the deletion of what has expired.
CREATE INDEX "macro_store_sessions_expires_at_idx" ON "macro_store_sessions" USING btree ("expires_at");
--> statement-breakpoint
-- One row a user: what changes the user's sessions locks it, and \`epoch\` names the time until all of them are ended.
CREATE TABLE "macro_store_session_users" (
	"user_tag" text PRIMARY KEY NOT NULL,
	"epoch" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "macro_store_session_users_expires_at_idx" ON "macro_store_session_users" USING btree ("expires_at");
`,
  ],
  [
    '0009_growth',
    `-- What the database took, a row an hour: metrics.recordGrowth writes them, and takes old ones away.
CREATE TABLE "macro_store_growth_snapshots" (
	"hour" timestamp (3) with time zone PRIMARY KEY NOT NULL,
	"taken_at" timestamp (3) with time zone NOT NULL,
	"database_bytes" bigint NOT NULL,
	"tables" jsonb NOT NULL
);
`,
  ],
];
