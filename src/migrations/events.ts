import type { LockHolder } from '../errors.js';

/** What a run reports while it goes on, in the order it happens. */
export type MigrationEvent =
  | { readonly type: 'connected' }
  /** About once a second while another runner works. */
  | { readonly type: 'lock-waiting'; readonly waitedMs: number; readonly holder: LockHolder | null }
  | { readonly type: 'locked'; readonly waitedMs: number }
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
  /** `percent` is `null` while the server gives none for the phase. */
  | {
      readonly type: 'index-build';
      readonly migrationId: string;
      readonly index: string;
      readonly phase: string;
      readonly percent: number | null;
    }
  /** An invalid index, left by a run that was cut off, was dropped. */
  | { readonly type: 'index-repaired'; readonly migrationId: string; readonly index: string }
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
