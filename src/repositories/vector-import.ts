import { err, errAsync, ok, type Result, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import type { EmbeddingColumnFacts, EmbeddingGuard } from '../database/embedding-guard.js';
import type { CallOptions, Executor } from '../database/executor.js';
import { invalidInput, type StoreError, storeError } from '../errors.js';
import { checkInput } from '../input.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { loadImport } from './import-load.js';
import { ImportProgressReport } from './import-progress.js';
import { ImportSource } from './import-source.js';
import type { ImportOptions, ImportReport, ImportVectorsError, VectorRepository } from './vectors.js';

const OPERATION = 'vectors.import';

/** What takes the HNSW index away and brings it back; the factory passes it in. */
export interface HnswSwitch {
  drop(index: 'hnsw', options?: CallOptions): ResultAsync<unknown, StoreError>;
  ensure(options: { readonly hnsw: true } & CallOptions): ResultAsync<unknown, StoreError>;
}

const importOptions = z.strictObject({
  onConflict: z.enum(['fail', 'replace']).default('fail'),
  hnsw: z.enum(['keep', 'rebuild']).default('keep'),
  onProgress: z
    .custom<ImportOptions['onProgress']>((value) => typeof value === 'function', {
      error: 'must be a function',
    })
    .optional(),
  signal: z
    .custom<AbortSignal>((value) => value instanceof AbortSignal, { error: 'must be an AbortSignal' })
    .optional(),
});

type Imported = Promise<Result<ImportReport, ImportVectorsError>>;

/** `vectors.import`; without a switch, as in a transaction, it cannot rebuild the HNSW index. */
export function createVectorImport(
  executor: Executor,
  shape: EmbeddingShape,
  guard: EmbeddingGuard,
  hnswSwitch: HnswSwitch | null,
): VectorRepository['import'] {
  return (rows, options = {}) => new ResultAsync(run(rows, options));

  async function run(rows: unknown, given: ImportOptions): Imported {
    const opened = ImportSource.open(OPERATION, rows);
    if (opened.isErr()) return err(opened.error);
    const source = opened.value;
    const result = await runFrom(source, given);
    if (result.isErr()) await source.close();
    return result;
  }

  async function runFrom(source: ImportSource, given: ImportOptions): Imported {
    const checked = checkInput(OPERATION, importOptions, given);
    if (checked.isErr()) return err(checked.error);
    const { onConflict, hnsw, signal } = checked.value;
    const options: CallOptions = signal === undefined ? {} : { signal };
    const progress = new ImportProgressReport(OPERATION, given);
    const loadInto = (place: EmbeddingColumnFacts) =>
      executor.transaction(
        OPERATION,
        (transaction) =>
          loadImport({
            executor: transaction,
            source,
            shape,
            place,
            replaces: onConflict === 'replace',
            progress,
            options,
          }),
        // A source can be read once only.
        { ...options, retryWithinMs: 0 },
      );
    let failure: ImportVectorsError | null = null;
    const load = () =>
      guard.run(OPERATION, executor, options, (place): ResultAsync<void, ImportVectorsError> => {
        if (failure !== null && source.isBegun) return errAsync(failure);
        return loadInto(place).mapErr((error) => {
          failure = error;
          return error;
        });
      });
    if (hnsw === 'keep') return load().map(() => progress.total);
    if (hnswSwitch !== null) {
      // A process that works on the table before a re-embedding must not take the index of the new one away.
      const current = await guard.checkCurrent(OPERATION, executor, options);
      return current.isErr() ? err(current.error) : rebuilding(hnswSwitch, progress, load, options);
    }
    const message = "cannot be 'rebuild' in a transaction: an index is built outside of one";
    return err(invalidInput(OPERATION, [{ path: 'hnsw', message }]));
  }
}

/** Without the index while the rows are loaded, and with it again whatever becomes of them. */
async function rebuilding(
  hnswSwitch: HnswSwitch,
  progress: ImportProgressReport,
  load: () => ResultAsync<void, ImportVectorsError>,
  options: CallOptions,
): Imported {
  const told = progress.enter('dropping-hnsw');
  if (told.isErr()) return err(told.error);
  const dropped = await hnswSwitch.drop('hnsw', options);
  if (dropped.isErr()) return err(switchFailed('drop', dropped.error, 0, null));

  const loaded = await load();
  progress.isCommitted = loaded.isOk();
  const toldAgain = progress.enter('rebuilding-hnsw');
  // An import that its signal has ended still owes the index.
  const rebuilt = await hnswSwitch.ensure({ hnsw: true, ...(loaded.isOk() ? options : {}) });
  if (rebuilt.isErr()) {
    const rows = loaded.isOk() ? progress.rows : 0;
    return err(switchFailed('rebuild', rebuilt.error, rows, loaded.isOk() ? null : loaded.error));
  }
  if (loaded.isErr()) return err(loaded.error);
  return toldAgain.isErr() ? err(toldAgain.error) : ok(progress.total);
}

function switchFailed(
  step: 'drop' | 'rebuild',
  error: StoreError,
  rows: number,
  loadError: StoreError | null,
): StoreError<'hnsw-switch-failed'> {
  const message =
    step === 'drop'
      ? `the HNSW index could not be dropped (${error.kind}), so nothing was loaded`
      : `${rows} rows are stored, but the HNSW index could not be built again (${error.kind}): ` +
        'searches are right without it; run store.vectors.index.ensure()';
  return storeError('hnsw-switch-failed', OPERATION, message, { step, rows, loadError }, error);
}
