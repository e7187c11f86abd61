import { setTimeout as sleep } from 'node:timers/promises';
import { isStoreError } from '../errors.js';
import type { DedicatedConnection } from './dedicated-connection.js';

const PROGRESS_EVERY_MS = 500;

/** How far a build is. `percent` is `null` while the server gives none for the phase. */
export interface BuildProgress {
  readonly type: 'index-build';
  readonly index: string;
  readonly phase: string;
  readonly percent: number | null;
}

/**
 * Reads the build's progress from a second connection while the first is busy building. A courtesy: without a
 * free connection for it the build goes on all the same, and its end never waits for that connection.
 */
export async function watchBuild(
  connection: DedicatedConnection,
  index: string,
  onEvent: (event: BuildProgress) => void,
) {
  // Not the announced id: behind a pooler that is the pooler's own.
  const [builder] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
  const stopped = new AbortController();
  const pause = () => sleep(PROGRESS_EVERY_MS, undefined, { signal: stopped.signal });
  let observer: DedicatedConnection | null = null;
  let thrown: unknown = null;

  const watch = async () => {
    await pause();
    const opened = await connection.openAnother();
    observer = opened;
    try {
      while (!stopped.signal.aborted) {
        const [row] = await opened.query<{ phase: string; percent: number | null }>(
          `select phase, (100.0 * coalesce(nullif(blocks_done, 0)::numeric / nullif(blocks_total, 0),
             nullif(tuples_done, 0)::numeric / nullif(tuples_total, 0)))::float8 as percent
           from pg_stat_progress_create_index where pid = $1`,
          [builder?.pid],
        );
        if (row !== undefined && !stopped.signal.aborted) {
          onEvent({ type: 'index-build', index, phase: row.phase, percent: row.percent });
        }
        await pause();
      }
    } finally {
      await opened.close();
    }
  };
  watch().catch((error) => {
    if (isStoreError(error)) thrown = error;
  });

  return {
    stop: async () => {
      stopped.abort();
      await observer?.close();
    },
    /** What `onProgress` threw. Not before the build's end: a build cut off by it would have to start anew. */
    rethrow: () => {
      if (thrown !== null) throw thrown;
    },
  };
}
