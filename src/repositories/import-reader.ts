import { err, ok, type Result } from 'neverthrow';
import type { StoreError } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import type { ImportBatch } from './import-batch.js';
import type { ImportSource } from './import-source.js';
import { TimeSlice } from './time-slice.js';
import { type CheckedVector, checkRow, checkVector, newVector } from './vector-input.js';

type ReadRowError = StoreError<'invalid-input' | 'dimension-mismatch' | 'callback-threw'>;

/** Takes rows from the source, checks them, and fills batches with them, slice by slice of the event loop. */
export class ImportReader {
  private readonly slice = new TimeSlice();
  private readonly scratch: Float32Array;
  /** A row for which the last batch had no room. */
  private waiting: { readonly row: CheckedVector; readonly index: number } | null = null;
  private isStopped = false;

  constructor(
    private readonly operation: string,
    private readonly source: ImportSource,
    private readonly shape: EmbeddingShape,
  ) {
    this.scratch = new Float32Array(shape.dimensions);
  }

  /** Fills the batch up, or leaves it empty when the source is at its end. */
  async fill(batch: ImportBatch): Promise<Result<void, ReadRowError>> {
    while (!batch.isFull && !this.isStopped) {
      if (this.slice.isOver) await this.slice.next();
      const next = this.waiting === null ? await this.read() : ok(this.waiting);
      if (next.isErr()) return err(next.error);
      if (next.value === null) break;
      const { row, index } = next.value;
      const path = `rows.${index}.embedding`;
      const floats = checkVector(this.operation, path, row.embedding, this.shape, this.scratch);
      if (floats.isErr()) return err(floats.error);
      const hasRoom = batch.add(row, floats.value, index);
      this.waiting = hasRoom ? null : next.value;
      if (!hasRoom) break;
    }
    return ok();
  }

  /** Takes no more rows, also in a call that goes on. */
  stop(): void {
    this.isStopped = true;
  }

  private async read(): Promise<Result<{ row: CheckedVector; index: number } | null, ReadRowError>> {
    const next = await this.source.next();
    if (next.isErr()) return err(next.error);
    if (next.value === null) return ok(null);
    const { index, value } = next.value;
    return checkRow(this.operation, newVector, value, ['rows', index]).map((row) => ({ row, index }));
  }
}
