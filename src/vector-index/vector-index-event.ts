import type { IndexBuildEvent } from '../database/concurrent-index.js';
import type { SchemaLockEvent } from '../database/schema-lock.js';
import type { VectorIndexKind } from './vector-index-kind.js';

/** What index work reports while it goes on, in the order it happens. */
export type VectorIndexEvent =
  | SchemaLockEvent
  /** A leftover of work that was cut off was dropped: an invalid index, or one under a temporary name. */
  | { readonly type: 'swept'; readonly index: string }
  | {
      readonly type: 'started';
      readonly index: string;
      readonly kind: VectorIndexKind;
      readonly number: number;
      readonly total: number;
    }
  /** The graph is estimated not to fit the build's memory, which makes the build many times slower. */
  | {
      readonly type: 'memory-short';
      readonly index: string;
      readonly neededBytes: number;
      readonly availableBytes: number;
    }
  | IndexBuildEvent
  /** A lock for the change of names was not granted in time. */
  | { readonly type: 'retrying'; readonly index: string; readonly attempt: number; readonly sqlState: string }
  /** The new index has the name; searches use it from now on. */
  | { readonly type: 'swapped'; readonly index: string }
  | { readonly type: 'dropped'; readonly index: string }
  | { readonly type: 'done'; readonly index: string; readonly durationMs: number };

export type OnVectorIndexEvent = (event: VectorIndexEvent) => void;
