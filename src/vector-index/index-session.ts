import type { DedicatedConnection } from '../database/dedicated-connection.js';
import type { OpenDedicated } from '../database/dedicated-connector.js';
import { prepareSession } from '../database/dedicated-session.js';
import { lockSchema, unlockSchema } from '../database/schema-lock.js';
import { refuseTransactionPooler } from '../database/transaction-pooler.js';
import { aborted, storeError } from '../errors.js';
import type { OnVectorIndexEvent } from './vector-index-event.js';

/** What index work goes by. */
export interface IndexWork {
  readonly operation: string;
  readonly lockWaitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Throws `callback-threw` when the caller's function throws. */
  readonly onEvent: OnVectorIndexEvent;
  assertNotAborted(): void;
}

export interface BuildResources {
  readonly maintenanceWorkMem: string;
  readonly parallelWorkers: number | null;
}

interface GivenWork {
  readonly lockWaitMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnVectorIndexEvent | undefined;
}

export function settleWork(operation: string, { lockWaitMs, signal, onProgress }: GivenWork): IndexWork {
  return {
    operation,
    lockWaitMs,
    signal,
    onEvent(event) {
      try {
        onProgress?.(event);
      } catch (thrown) {
        throw storeError('callback-threw', operation, 'onProgress threw, so the work was ended', {}, thrown);
      }
    },
    assertNotAborted() {
      if (signal?.aborted) throw aborted(operation);
    },
  };
}

/** Does the work on a connection of its own, one session at a time, and closes the connection. */
export async function inIndexSession<T>(
  open: OpenDedicated,
  work: IndexWork,
  resources: BuildResources,
  task: (connection: DedicatedConnection) => Promise<T>,
): Promise<T> {
  work.assertNotAborted();
  const connection = await open({ operation: work.operation, applicationName: '@macro-ai/store index' });
  try {
    await refuseTransactionPooler(connection, work.operation);
    await prepareSession(connection, resources);
    if (!connection.isEmbedded) {
      // A metadata field stands in a statement: there a backslash must be no escape.
      await connection.query('set standard_conforming_strings = on');
      await lockSchema(connection, work);
    }
    const result = await task(connection);
    if (!connection.isEmbedded) await unlockSchema(connection);
    return result;
  } finally {
    await connection.close();
  }
}
