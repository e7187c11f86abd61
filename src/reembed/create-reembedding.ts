import { okAsync, ResultAsync } from 'neverthrow';
import type { z } from 'zod';
import type { DedicatedConnection } from '../database/dedicated-connection.js';
import type { OpenDedicated } from '../database/dedicated-connector.js';
import { dedicatedFailure } from '../database/dedicated-failure.js';
import { prepareSession } from '../database/dedicated-session.js';
import type { EmbeddingGuard } from '../database/embedding-guard.js';
import type { CallOptions, Executor } from '../database/executor.js';
import { refuseTransactionPooler } from '../database/transaction-pooler.js';
import { aborted, storeError } from '../errors.js';
import { checkInput } from '../input.js';
import { abandon, dropPrevious } from './end-reembedding.js';
import type { OnReembedEvent } from './events.js';
import { lockReembedding } from './lock.js';
import { lockingOptions, reembedOptions } from './reembed-input.js';
import type { Reembedding, ReembedError } from './reembedding.js';
import { runReembedding } from './run-reembedding.js';
import type { ReembedRun } from './run-settings.js';
import { readStatus } from './status.js';

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
        ResultAsync.fromPromise(run(), (error) =>
          // A statement that the signal has cancelled ends in an error of its own.
          options.signal?.aborted
            ? aborted(operation, error)
            : (dedicatedFailure(operation, error) as ReembedError),
        ),
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
    return (options: Parameters<Reembedding['abandonReembed']>[0]) => {
      const { signal, ...given } = options ?? {};
      return checkInput(operation, lockingOptions, given).asyncAndThen((settings) =>
        locked(operation, { signal, ...settings }, work),
      );
    };
  };

  return {
    reembed: (options) => {
      const { signal, ...given } = options ?? {};
      return checkInput('vectors.reembed', reembedOptions, given).asyncAndThen(
        ({ dimensions, column, model, embed, batchSize, concurrency, ...settings }) =>
          locked('vectors.reembed', { signal, ...settings }, async (run) => {
            // Ends the calls of `embed` that are under way when one of them, or the database, has failed.
            const end = new AbortController();
            const embedSignal = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
            try {
              const vectorOid = await readVectorOid(run.connection);
              const target = { dimensions, column, model };
              const how = { embed, batchSize, concurrency, embedSignal };
              return await runReembedding({ ...run, ...how, target, vectorOid });
            } finally {
              end.abort();
            }
          }),
      );
    },
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
