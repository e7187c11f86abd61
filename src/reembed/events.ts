import type { BuildProgress } from '../database/index-build-watch.js';

/** What a re-embedding reports while it goes on. */
export type ReembedEvent =
  /** Another process is at it, or changes tables or indexes. About once a second. */
  | { readonly type: 'lock-waiting'; readonly waitedMs: number }
  /** The new table stands, and is kept in step from here on. */
  | { readonly type: 'table-created' }
  /** After a look through all rows: so many wait to be embedded. */
  | { readonly type: 'queued'; readonly rows: number }
  /** After each batch. `remaining` counts what was known at the start of the pass. */
  | { readonly type: 'embedded'; readonly rows: number; readonly total: number; readonly remaining: number }
  | BuildProgress
  | { readonly type: 'index-built'; readonly index: string }
  /** A table lock was not to be had in time. */
  | {
      readonly type: 'retrying';
      readonly step: ReembedStep;
      readonly attempt: number;
      readonly sqlState: string;
    }
  /** The new table is in use; calls were held up for so long. */
  | { readonly type: 'cut-over'; readonly heldMs: number };

export type ReembedStep = 'create' | 'queue' | 'embed' | 'cut-over' | 'drop';

export type OnReembedEvent = (event: ReembedEvent) => void;
