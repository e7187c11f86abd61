import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { isStoreError, type ReadError, type StoreError, storeError, unredactedCauseOf } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { sqlStateOf } from '../sql-state.js';
import type { CallOptions, Executor } from './executor.js';
import type { Statement } from './statement.js';
import {
  type PlacedVectors,
  placeVectors,
  SELECT_VECTOR_TABLES,
  type VectorPlace,
  type VectorTableRow,
} from './vector-tables.js';

/** What the database says of the embedding column, once it agrees with the configuration. */
export interface EmbeddingColumnFacts extends VectorPlace {
  /** The oid of the type `vector`, for binary arrays of it. */
  readonly vectorOid: number;
}

/**
 * Knows where the vectors of this store are, and whether they are of the configured embedding. One round trip
 * with the first use of vectors, and one more when a re-embedding has exchanged the tables: the work, whose
 * statement has failed by {@link isTable} and so has done nothing, is then done once more.
 */
export interface EmbeddingGuard {
  /** For work that writes or compares embeddings. */
  run<T, E>(
    operation: string,
    executor: Executor,
    options: CallOptions | undefined,
    work: (facts: EmbeddingColumnFacts) => PromiseLike<Result<T, E>>,
  ): ResultAsync<T, E | ReadError | StoreError<'dimension-mismatch'>>;
  /** For work that is right whatever the configuration, such as a deletion. */
  runUnchecked<T, E>(
    operation: string,
    executor: Executor,
    options: CallOptions | undefined,
    work: (facts: EmbeddingColumnFacts) => PromiseLike<Result<T, E>>,
  ): ResultAsync<T, E | ReadError>;
  /** For work on the table in use itself, such as its indexes: whether it is of the configured embedding. Looks anew. */
  checkCurrent(
    operation: string,
    executor: Executor,
    options: CallOptions | undefined,
  ): ResultAsync<void, ReadError | StoreError<'dimension-mismatch'>>;
}

interface Known extends Omit<PlacedVectors, 'place'> {
  readonly facts: EmbeddingColumnFacts;
}

const selectTables: Statement<object, VectorTableRow & { vectorOid: number }> = {
  operation: 'vectors.checkColumn',
  name: 'vectors.checkColumn',
  text: `select tables.*, coalesce(to_regtype('vector')::oid::int, 0) as "vectorOid" from (${SELECT_VECTOR_TABLES}) tables`,
  parameterNames: [],
};

export function createEmbeddingGuard(
  configured: EmbeddingShape & { readonly model?: string | null },
): EmbeddingGuard {
  const model = { ...configured, model: configured.model ?? null };
  let known: Known | null = null;

  const read = (operation: string, executor: Executor, options: CallOptions | undefined) =>
    executor.read(selectTables, {}, options).andThen((rows): Result<Known, ReadError> => {
      const [row] = rows;
      const placed = placeVectors(model, rows);
      if (row === undefined || placed === null) {
        return err(
          storeError('not-migrated', operation, 'the table chat_vectors is not there; run store.migrate()'),
        );
      }
      const { place, ...rest } = placed;
      const found = { facts: { ...place, vectorOid: row.vectorOid }, ...rest };
      // A mismatch is looked at again with the next call: it ends with a cut-over or another migration.
      if (found.mismatch === null) known = found;
      return ok(found);
    });

  const run = async <T, E>(
    operation: string,
    executor: Executor,
    options: CallOptions | undefined,
    work: (found: Known) => PromiseLike<Result<T, E>>,
  ): Promise<Result<T, E | ReadError>> => {
    const first = known === null ? await read(operation, executor, options) : ok(known);
    if (first.isErr()) return err(first.error);
    const used = first.value;
    const result = await work(used);
    if (result.isOk() || !isMoved(result.error)) return result;
    if (known === used) known = null;
    const moved = await read(operation, executor, options);
    return moved.isOk() ? work(moved.value) : err(inTransaction(moved.error));
  };

  return {
    run: <T, E>(
      operation: string,
      executor: Executor,
      options: CallOptions | undefined,
      work: (facts: EmbeddingColumnFacts) => PromiseLike<Result<T, E>>,
    ) =>
      new ResultAsync(
        run<T, E | StoreError<'dimension-mismatch'>>(operation, executor, options, async (found) =>
          found.mismatch === null ? work(found.facts) : err(found.mismatch(operation)),
        ),
      ),
    runUnchecked: (operation, executor, options, work) =>
      new ResultAsync(run(operation, executor, options, ({ facts }) => work(facts))),
    checkCurrent: (operation, executor, options) =>
      read(operation, executor, options).andThen(({ mismatchOfCurrent }) =>
        mismatchOfCurrent === null ? ok() : err(mismatchOfCurrent(operation)),
      ),
  };
}

/**
 * By {@link isTable}; by other dimensions, where the planner converts the parameter before it looks at that; or
 * because the previous table has been dropped.
 */
const MOVED: ReadonlySet<string> = new Set(['2201E', '22000', '42P01']);

function isMoved(error: unknown): boolean {
  return isStoreError(error) && MOVED.has(sqlStateOf(unredactedCauseOf(error)) ?? '');
}

/** Of a transaction nothing is left after a failed statement; this makes it begin again. */
function inTransaction(error: ReadError): ReadError {
  if (error.kind !== 'transaction-ended') return error;
  const message = 'a re-embedding exchanged the table of vectors meanwhile';
  return storeError('transaction-conflict', error.operation, message, {}, error);
}
