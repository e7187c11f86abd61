import { type Result, ResultAsync } from 'neverthrow';
import type { OpenDedicated } from '../database/dedicated-connector.js';
import { dedicatedFailure } from '../database/dedicated-failure.js';
import type { EmbeddingGuard } from '../database/embedding-guard.js';
import type { CallOptions, Executor } from '../database/executor.js';
import { checkInput } from '../input.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { defaultBuildBytes, toSetting } from './build-memory.js';
import { dropIndexes, indexesToDrop } from './drop-indexes.js';
import { ensureIndexes } from './ensure-indexes.js';
import { type IndexCatalog, readCatalogRow, toCatalog } from './index-catalog.js';
import { dropInput, ensureInput, rebuildInput } from './index-input.js';
import { type BuildResources, inIndexSession, settleWork } from './index-session.js';
import { describeIndexes } from './index-status.js';
import { rebuildIndexes } from './rebuild-indexes.js';
import type { VectorIndexError, VectorIndexService } from './vector-index-service.js';
import { isAllThere, takeExisting, wantedIndexes } from './wanted-indexes.js';

/** Reads go by the executor; work on the indexes goes by connections that `open` gives. */
export function createVectorIndexService(
  executor: Executor,
  open: OpenDedicated,
  embedding: EmbeddingShape,
  guard: EmbeddingGuard,
): VectorIndexService {
  const readCatalog = async (operation: string, options: CallOptions): Promise<IndexCatalog> => {
    const statement = { ...readCatalogRow, operation };
    return toCatalog(operation, unwrap(await executor.read(statement, {}, options)));
  };

  /** Before anything is built: an index for another shape of embedding would be of no use. */
  const assertShape = async (operation: string, options: CallOptions): Promise<void> => {
    unwrap(await guard.checkCurrent(operation, executor, options));
  };

  return {
    status: (options = {}) =>
      settled('vectors.index.status', async (operation) =>
        describeIndexes(await readCatalog(operation, options), embedding),
      ),

    ensure: (options = {}) =>
      settled('vectors.index.ensure', async (operation) => {
        const input = unwrap(checkInput(operation, ensureInput, options));
        const work = settleWork(operation, input);
        work.assertNotAborted();
        const call = callOptions(input);
        await assertShape(operation, call);
        const catalog = await readCatalog(operation, call);
        if (input.hnsw?.heaviestUsers === undefined) {
          const wanted = wantedIndexes(input, embedding, []);
          // Most calls find nothing to do; they need no connection and no lock.
          if (isAllThere(catalog, wanted)) {
            return { built: [], ...takeExisting(operation, catalog, wanted, embedding), swept: [] };
          }
        }
        const resources = resourcesOf(input, catalog);
        return inIndexSession(open, work, resources, (connection) =>
          ensureIndexes(connection, input, embedding, resources, work),
        );
      }),

    rebuild: (kind, options = {}) =>
      settled('vectors.index.rebuild', async (operation) => {
        const input = unwrap(checkInput(operation, rebuildInput, { ...options, kind }));
        const work = settleWork(operation, input);
        work.assertNotAborted();
        const call = callOptions(input);
        await assertShape(operation, call);
        const resources = resourcesOf(input, await readCatalog(operation, call));
        return inIndexSession(open, work, resources, (connection) =>
          rebuildIndexes(connection, input, embedding, resources, work),
        );
      }),

    drop: (kind, options = {}) =>
      settled('vectors.index.drop', async (operation) => {
        const input = unwrap(checkInput(operation, dropInput, { ...options, kind }));
        const work = settleWork(operation, input);
        work.assertNotAborted();
        const catalog = await readCatalog(operation, callOptions(input));
        if (indexesToDrop(input, catalog).length === 0) return { dropped: [] };
        return inIndexSession(open, work, resourcesOf({}, catalog), (connection) =>
          dropIndexes(connection, input, work),
        );
      }),
  };
}

function settled<T>(
  operation: string,
  run: (operation: string) => Promise<T>,
): ResultAsync<T, VectorIndexError> {
  return ResultAsync.fromPromise(
    run(operation),
    (error) => dedicatedFailure(operation, error) as VectorIndexError,
  );
}

/** The value; an error is thrown, for {@link settled} to give back. */
function unwrap<T, E>(result: Result<T, E>): T {
  if (result.isErr()) throw result.error;
  return result.value;
}

const callOptions = ({ signal }: { readonly signal?: AbortSignal | undefined }): CallOptions =>
  signal === undefined ? {} : { signal };

function resourcesOf(
  {
    maintenanceWorkMem,
    parallelWorkers,
  }: { readonly maintenanceWorkMem?: string | undefined; readonly parallelWorkers?: number | undefined },
  catalog: IndexCatalog,
): BuildResources {
  return {
    maintenanceWorkMem: maintenanceWorkMem ?? toSetting(defaultBuildBytes(catalog)),
    parallelWorkers: parallelWorkers ?? null,
  };
}
