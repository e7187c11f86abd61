-- Where sessions.durable keeps sessions. Of tokens there are hashes only; `user_tag` is one of the user's id.
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
-- One row a user: what changes the user's sessions locks it, and `epoch` names the time until all of them are ended.
CREATE TABLE "macro_store_session_users" (
	"user_tag" text PRIMARY KEY NOT NULL,
	"epoch" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "macro_store_session_users_expires_at_idx" ON "macro_store_session_users" USING btree ("expires_at");
