import { err, ok, type Result } from 'neverthrow';
import type { EmbeddingColumnFacts } from '../database/embedding-guard.js';
import type { CallOptions, TransactionExecutor } from '../database/executor.js';
import { aborted } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { createBatch, type ImportBatch, type ImportTarget } from './import-batch.js';
import { ImportParents } from './import-parents.js';
import type { ImportProgressReport } from './import-progress.js';
import { ImportReader } from './import-reader.js';
import { idTaken, refusedBatch } from './import-refusals.js';
import type { ImportSource } from './import-source.js';
import * as statements from './import-statements.js';
import type { ImportVectorsError } from './vectors.js';

const OPERATION = 'vectors.import';
const ROWS_A_REPLACEMENT = 1_000;
/** Statements are to stay well within their timeout, also while a growing HNSW graph makes rows dearer. */
const SLOW_STATEMENT_MS = 2_000;
const FEWEST_ROWS = 50;

type Done<T = void> = Promise<Result<T, ImportVectorsError>>;

export interface ImportWork {
  readonly executor: TransactionExecutor;
  readonly source: ImportSource;
  readonly shape: EmbeddingShape;
  readonly place: EmbeddingColumnFacts;
  readonly replaces: boolean;
  readonly progress: ImportProgressReport;
  readonly options: CallOptions;
}

/** All of an import that happens in its transaction. */
export async function loadImport(work: ImportWork): Done {
  const { executor, place, options } = work;
  // Before the first row is read: a source can be read once, and this may have to be done on another table.
  const begun = await executor.read(statements.begin(place), {}, options);
  if (begun.isErr()) return err(begun.error);
  const loaded = work.replaces ? await loadAndReplace(work) : await load(work);
  if (loaded.isErr()) return loaded;
  const previous = begun.value[0]?.previous ?? '0';
  return executor.read(statements.limitIdle, { previous }, options).map(() => undefined);
}

/** Two batches: one is filled while the other is written. */
async function load({ executor, source, shape, place, replaces, progress, options }: ImportWork): Done {
  const target: ImportTarget = {
    executor,
    place,
    isStaged: replaces,
    maxRows: Number.POSITIVE_INFINITY,
  };
  const reader = new ImportReader(OPERATION, source, shape);
  const parents = new ImportParents(OPERATION, executor);
  const began = progress.enter('loading');
  if (began.isErr()) return began;

  const write = async (batch: ImportBatch): Done => {
    const checked = await parents.check(batch.rows, options);
    if (checked.isErr()) return checked;
    const startedAt = performance.now();
    const sent = await batch.send(options).mapErr(refusedBatch(batch.rows));
    if (sent.isErr()) return err(sent.error);
    if (performance.now() - startedAt > SLOW_STATEMENT_MS) {
      target.maxRows = Math.max(FEWEST_ROWS, Math.ceil(batch.rows.length / 2));
    }
    return progress.add(batch.rows.length, batch.bytes);
  };

  let [batch, other] = [createBatch(target), createBatch(target)];
  let writing: Done = Promise.resolve(ok());
  for (;;) {
    batch.clear();
    const filled = await bothOrFirstFailure(reader.fill(batch), writing, options);
    if (filled.isErr()) {
      reader.stop();
      await writing; // its statement is on the transaction's connection
      return filled;
    }
    if (batch.rows.length === 0) return ok();
    writing = write(batch);
    [batch, other] = [other, batch];
  }
}

/** COPY knows no ON CONFLICT: the rows wait in a table of their own. */
async function loadAndReplace(work: ImportWork): Done {
  const { executor, place, progress, options } = work;
  for (const statement of [statements.createStaging(place), statements.constrainStaging]) {
    const made = await executor.write(statement, {}, options);
    if (made.isErr()) return err(made.error);
  }
  const loaded = await load(work);
  if (loaded.isErr()) return loaded;
  const began = progress.enter('replacing');
  if (began.isErr()) return began;
  for (let from = 0; from < progress.rows; from += ROWS_A_REPLACEMENT) {
    const to = Math.min(progress.rows, from + ROWS_A_REPLACEMENT);
    const replaced = await replace(work, { from, to });
    if (replaced.isErr()) return replaced;
    const told = progress.moveTo(to);
    if (told.isErr()) return told;
  }
  // A second import in the same transaction makes its own.
  return executor.write(statements.dropStaging, {}, options).map(() => undefined);
}

async function replace(
  { executor, place, options }: ImportWork,
  range: { readonly from: number; readonly to: number },
): Done {
  const written = await executor
    .write(statements.replaceFromStaging(place), range, options)
    .mapErr(refusedBatch([]));
  if (written.isErr()) return err(written.error);
  if (written.value[0]?.count === range.to - range.from) return ok();
  const taken = await executor.read(statements.selectTaken(place), range, options);
  return taken.andThen((rows) => err(idTaken(rows[0]?.position)));
}

/** Both values are of no interest; the first error and an abort are, at once. */
function bothOrFirstFailure(first: Done, second: Done, { signal }: CallOptions): Done {
  return new Promise((resolve) => {
    const onAbort = () => resolve(err(aborted(OPERATION)));
    const settle = (result: Result<void, ImportVectorsError>) => {
      signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    for (const one of [first, second]) void one.then((result) => result.isErr() && settle(result));
    void Promise.all([first, second]).then(([a, b]) => settle(a.andThen(() => b)));
  });
}
