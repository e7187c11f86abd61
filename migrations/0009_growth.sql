-- What the database took, a row an hour: metrics.recordGrowth writes them, and takes old ones away.
CREATE TABLE "macro_store_growth_snapshots" (
	"hour" timestamp (3) with time zone PRIMARY KEY NOT NULL,
	"taken_at" timestamp (3) with time zone NOT NULL,
	"database_bytes" bigint NOT NULL,
	"tables" jsonb NOT NULL
);
