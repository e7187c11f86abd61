ALTER TABLE "chat_vectors" ADD COLUMN "model" text;
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
