import { err, ok, type Result } from 'neverthrow';
import { type StoreError, storeError } from '../errors.js';
import type { ImportOptions, ImportProgress, ImportReport } from './vectors.js';

const MIN_PAUSE_MS = 200;

/** How far an import is, told to the caller at a bounded rate. */
export class ImportProgressReport {
  rows = 0;
  bytes = 0;
  isCommitted = false;
  private readonly startedAt = performance.now();
  private lastAt = Number.NEGATIVE_INFINITY;
  private phase: ImportProgress['phase'] = 'loading';
  private moved = 0;

  constructor(
    private readonly operation: string,
    private readonly options: ImportOptions,
  ) {}

  get total(): ImportReport {
    return { rows: this.rows, bytes: this.bytes, elapsedMs: performance.now() - this.startedAt };
  }

  /** A phase begins. */
  enter(phase: ImportProgress['phase']): Result<void, StoreError<'callback-threw'>> {
    this.phase = phase;
    this.lastAt = Number.NEGATIVE_INFINITY;
    return this.tell();
  }

  /** Rows have been sent. */
  add(rows: number, bytes: number): Result<void, StoreError<'callback-threw'>> {
    this.rows += rows;
    this.bytes += bytes;
    return this.tell();
  }

  /** Rows have been moved to where they belong. */
  moveTo(rows: number): Result<void, StoreError<'callback-threw'>> {
    this.moved = rows;
    return this.tell();
  }

  private tell(): Result<void, StoreError<'callback-threw'>> {
    const { onProgress, hnsw } = this.options;
    const now = performance.now();
    if (onProgress === undefined || now - this.lastAt < MIN_PAUSE_MS) return ok();
    this.lastAt = now;
    const isDropped = hnsw === 'rebuild' && this.phase !== 'dropping-hnsw';
    try {
      onProgress({
        phase: this.phase,
        rows: this.phase === 'replacing' ? this.moved : this.rows,
        bytes: this.bytes,
        elapsedMs: now - this.startedAt,
        searchable: {
          rows: this.isCommitted ? this.rows : 0,
          hnsw: isDropped ? 'dropped' : 'as-before',
        },
      });
      return ok();
    } catch (thrown) {
      const outcome = this.isCommitted ? 'all rows are stored' : 'nothing was stored';
      return err(storeError('callback-threw', this.operation, `onProgress threw; ${outcome}`, {}, thrown));
    }
  }
}
