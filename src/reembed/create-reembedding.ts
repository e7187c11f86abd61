import { okAsync, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import type { DedicatedConnection } from '../database/dedicated-connection.js';
import type { OpenDedicated } from '../database/dedicated-connector.js';
import { dedicatedFailure } from '../database/dedicated-failure.js';
import { prepareSession } from '../database/dedicated-session.js';
import type { EmbeddingGuard } from '../database/embedding.js';
import type { CallOptions, Executor } from '../database/executor.js';
import { refuseTransactionPooler } from '../database/transaction-pooler.js';
import { aborted, storeError } from '../errors.js';
import { checkInput } from '../input.js';
import { MAX_DIMENSIONS } from '../schema/embedding-shape.js';
import { abandon, dropPrevious } from './end-reembedding.js';
import type { OnReembedEvent } from './events.js';
import { lockReembedding } from './lock.js';
import type { EmbedTexts, Reembedding, ReembedError } from './reembedding.js';
import { runReembedding } from './run-reembedding.js';
import type { ReembedRun } from './run-settings.js';
import { readStatus } from './status.js';

const millis = z.number().min(0);
const locking = {
  lockWaitMs: millis.default(10_000),
  lockTimeoutMs: z.int().min(1).max(60_000).default(500),
  retryForMs: millis.default(60_000),
};
const isFunction = (value: unknown) => typeof value === 'function';
const lockingOptions = z.strictObject(locking);
const reembedOptions = z
  .strictObject({
    dimensions: z.int().min(1).max(MAX_DIMENSIONS.halfvec),
    column: z.enum(['vector', 'halfvec']).optional(),
    model: z
      .string()
      .min(1)
      .max(200)
      .regex(/^\P{Cc}*$/u, { error: 'must not hold control characters' }),
    embed: z.custom<EmbedTexts>(isFunction, { error: 'must be a function' }),
    batchSize: z.int().min(1).max(1_000).default(100),
    concurrency: z.int().min(1).max(32).default(1),
    maintenanceWorkMem: z.string().default('256MB'),
    onProgress: z.custom<OnReembedEvent>(isFunction, { error: 'must be a function' }).optional(),
    ...locking,
  })
  .transform(({ column, ...rest }) => ({
    ...rest,
    column: column ?? (rest.dimensions > MAX_DIMENSIONS.vector ? ('halfvec' as const) : ('vector' as const)),
  }))
  .refine(({ column, dimensions }) => dimensions <= MAX_DIMENSIONS[column], {
    path: ['dimensions'],
    error: `must be at most ${MAX_DIMENSIONS.vector} for column 'vector'`,
  });

/** `vectors.reembed` and what belongs to it, on connections of their own. */
export function createReembedding(
  openDedicated: OpenDedicated,
  executor: Executor,
  guard: EmbeddingGuard,
): Reembedding {
  /** A connection for the work, once the database is known to be migrated; the embedded one is by its first use. */
  const connected = <T>(
    operation: string,
    options: CallOptions,
    work: (connection: DedicatedConnection) => Promise<T>,
  ): ResultAsync<T, ReembedError> => {
    const run = async () => {
      const connection = await openDedicated({ operation, applicationName: '@macro-ai/store reembed' });
      try {
        return await work(connection);
      } finally {
        await connection.close();
      }
    };
    return guard
      .runUnchecked(operation, executor, options, () => okAsync(undefined))
      .andThen(() =>
        ResultAsync.fromPromise(run(), (error) => dedicatedFailure(operation, error) as ReembedError),
      );
  };

  /** As {@link connected}, with the lock that one process at a time has. */
  const locked = <T>(
    operation: string,
    { signal, onProgress, maintenanceWorkMem = '256MB', ...settings }: LockedOptions,
    work: (run: ReembedRun) => Promise<T>,
  ): ResultAsync<T, ReembedError> =>
    connected(operation, signal === undefined ? {} : { signal }, async (connection) => {
      const run: ReembedRun = {
        ...settings,
        operation,
        connection,
        signal,
        report: reporter(operation, onProgress),
        assertNotAborted() {
          if (signal?.aborted) throw aborted(operation);
        },
      };
      await refuseTransactionPooler(connection, operation);
      await prepareSession(connection, { maintenanceWorkMem, parallelWorkers: null });
      await lockReembedding(run);
      return work(run);
    });

  const ending = (operation: string, work: (run: ReembedRun) => Promise<void>) => {
    return ({ signal, ...given }: Parameters<Reembedding['abandonReembed']>[0] = {}) =>
      checkInput(operation, lockingOptions, given).asyncAndThen((settings) =>
        locked(operation, { signal, ...settings }, work),
      );
  };

  return {
    reembed: ({ signal, ...given }) =>
      checkInput('vectors.reembed', reembedOptions, given).asyncAndThen(
        ({ dimensions, column, model, embed, batchSize, concurrency, ...settings }) => {
          const target = { dimensions, column, model };
          return locked('vectors.reembed', { signal, ...settings }, async (run) => {
            const ending = new AbortController();
            const embedSignal = AbortSignal.any(
              signal === undefined ? [ending.signal] : [signal, ending.signal],
            );
            try {
              const vectorOid = await readVectorOid(run.connection);
              return await runReembedding({
                ...run,
                target,
                embed,
                batchSize,
                concurrency,
                embedSignal,
                vectorOid,
              });
            } finally {
              ending.abort();
            }
          });
        },
      ),
    reembedStatus: (options) => readStatus(executor, options),
    dropPreviousEmbeddings: ending('vectors.dropPreviousEmbeddings', dropPrevious),
    abandonReembed: ending('vectors.abandonReembed', abandon),
  };
}

interface LockedOptions extends z.output<typeof lockingOptions> {
  readonly signal: AbortSignal | undefined;
  readonly onProgress?: OnReembedEvent | undefined;
  readonly maintenanceWorkMem?: string;
}

function reporter(operation: string, onProgress: OnReembedEvent | undefined): OnReembedEvent {
  return (event) => {
    try {
      onProgress?.(event);
    } catch (thrown) {
      throw storeError('callback-threw', operation, 'onProgress threw, so the run was ended', {}, thrown);
    }
  };
}

async function readVectorOid(connection: DedicatedConnection): Promise<number> {
  const [row] = await connection.query<{ oid: number }>(`select 'vector'::regtype::oid::int as oid`);
  return row?.oid ?? 0;
}
