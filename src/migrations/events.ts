import type { IndexBuildEvent } from '../database/concurrent-index.js';
import type { SchemaLockEvent } from '../database/schema-lock.js';

/** What a run reports while it goes on, in the order it happens. */
export type MigrationEvent =
  | { readonly type: 'connected' }
  | SchemaLockEvent
  | { readonly type: 'ledger-ready' }
  /** Taken over from drizzle's own journal. */
  | { readonly type: 'adopted'; readonly migrationIds: readonly string[] }
  | {
      readonly type: 'started';
      readonly migrationId: string;
      readonly number: number;
      readonly total: number;
    }
  | {
      readonly type: 'statement-done';
      readonly migrationId: string;
      readonly step: number;
      readonly steps: number;
    }
  | (IndexBuildEvent & { readonly migrationId: string })
  | {
      readonly type: 'retrying';
      readonly migrationId: string;
      readonly attempt: number;
      readonly sqlState: string;
    }
  | { readonly type: 'skipped'; readonly migrationId: string }
  | { readonly type: 'done'; readonly migrationId: string; readonly durationMs: number }
  | { readonly type: 'finished'; readonly applied: readonly string[]; readonly durationMs: number };

export type OnMigrationEvent = (event: MigrationEvent) => void;
