import { err, ok, type Result } from 'neverthrow';
import { invalidInput, type StoreError, storeError } from '../errors.js';

type Rows = AsyncIterable<unknown> | Iterable<unknown>;

/** The caller's rows, one by one, and the duty to close what they come from. */
export class ImportSource {
  private index = 0;
  private isWaiting = false;
  private isOver = false;

  private constructor(
    private readonly operation: string,
    private readonly rows: Rows,
    private readonly iterator: AsyncIterator<unknown> | Iterator<unknown>,
  ) {}

  static open(
    operation: string,
    rows: unknown,
  ): Result<ImportSource, StoreError<'invalid-input' | 'callback-threw'>> {
    try {
      const source = rows as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
      const iterator = source?.[Symbol.asyncIterator]?.() ?? source?.[Symbol.iterator]?.();
      if (iterator !== undefined) return ok(new ImportSource(operation, rows as Rows, iterator));
    } catch (thrown) {
      return err(sourceThrew(operation, 0, thrown));
    }
    return err(invalidInput(operation, [{ path: 'source', message: 'must be an iterable of vectors' }]));
  }

  /** Whether its first row has been asked for. */
  get isBegun(): boolean {
    return this.index > 0 || this.isWaiting || this.isOver;
  }

  /** The next row with its place in the source, or `null` at the end. */
  async next(): Promise<Result<{ index: number; value: unknown } | null, StoreError<'callback-threw'>>> {
    try {
      this.isWaiting = true;
      const { done, value } = await this.iterator.next();
      this.isWaiting = false;
      if (done !== true) return ok({ index: this.index++, value });
      this.isOver = true;
      return ok(null);
    } catch (thrown) {
      this.isOver = true;
      return err(sourceThrew(this.operation, this.index, thrown));
    }
  }

  /** Ends the source before its end. One that is busy with its next row is told, and not waited for. */
  async close(): Promise<void> {
    // A stream whose iteration has not begun is not ended by its iterator.
    const { destroy } = this.rows as { destroy?: unknown };
    if (typeof destroy === 'function') destroy.call(this.rows);
    if (this.isOver) return;
    this.isOver = true;
    const closing = (async () => this.iterator.return?.())().catch(() => {
      // The import has failed already; its own error is the one that says why.
    });
    if (!this.isWaiting) await closing;
  }
}

function sourceThrew(operation: string, row: number, thrown: unknown): StoreError<'callback-threw'> {
  const message = `the source threw instead of giving rows.${row}, so nothing was stored`;
  return storeError('callback-threw', operation, message, {}, thrown);
}
