import { setTimeout as sleep } from 'node:timers/promises';
import { isStoreError, storeError } from '../errors.js';
import type { MigrationConnection } from './connection.js';
import type { OnMigrationEvent } from './events.js';
import type { Migration } from './migration.js';
import { ownRelation } from './own-tables.js';

const PROGRESS_EVERY_MS = 500;

/** One index that is built outside a transaction. */
export interface ConcurrentBuild {
  readonly migrationId: string;
  readonly index: string;
  readonly statement: string;
}

/** An index of the wanted name stands there, is valid, and is another one. */
export class IndexDiffersError extends Error {}

/**
 * Builds the index, whatever an earlier run left: an invalid index is dropped first, and a valid one of the
 * same definition is taken. `IF NOT EXISTS` would take an invalid one in silence.
 */
export async function buildConcurrently(
  connection: MigrationConnection,
  build: ConcurrentBuild,
  onEvent: OnMigrationEvent,
): Promise<void> {
  const found = await findIndex(connection, build.index);
  if (found?.isValid) {
    if (normalized(found.definition) !== normalized(build.statement)) {
      throw new IndexDiffersError(
        `an index "${build.index}" of another definition exists; drop or rename it`,
      );
    }
    return;
  }
  if (found !== null) await drop(connection, build, onEvent);
  const watch = connection.isEmbedded ? null : await watchBuild(connection, build, onEvent);
  try {
    await connection.query(build.statement);
  } finally {
    await watch?.stop();
  }
  watch?.rethrow();
  const built = await findIndex(connection, build.index);
  if (!built?.isValid) {
    throw storeError(
      'internal',
      'migrations.migrate',
      `the index "${build.index}" is not valid after its build`,
    );
  }
}

/** Left by a cut-off build, an invalid index serves nobody and costs every insert. */
export async function dropInvalidIndex(
  connection: MigrationConnection,
  { id: migrationId, concurrentIndex }: Migration,
  onEvent: OnMigrationEvent,
): Promise<void> {
  if (concurrentIndex === null) return;
  const found = await findIndex(connection, concurrentIndex);
  if (found !== null && !found.isValid)
    await drop(connection, { migrationId, index: concurrentIndex }, onEvent);
}

async function drop(
  connection: MigrationConnection,
  { migrationId, index }: Pick<ConcurrentBuild, 'migrationId' | 'index'>,
  onEvent: OnMigrationEvent,
): Promise<void> {
  await connection.query(`drop index concurrently "${index}"`);
  onEvent({ type: 'index-repaired', migrationId, index });
}

interface FoundIndex {
  readonly isValid: boolean;
  readonly definition: string;
}

async function findIndex(connection: MigrationConnection, index: string): Promise<FoundIndex | null> {
  const [row] = await connection.query<FoundIndex>(
    `select i.indisvalid and i.indisready as "isValid", pg_get_indexdef(i.indexrelid) as definition
     from pg_index i where i.indexrelid = ${ownRelation('$1::text')}`,
    [index],
  );
  return row ?? null;
}

/** The same text for our statement and for the server's print of the index that it made. */
function normalized(definition: string): string {
  return definition
    .toLowerCase()
    .replace(/ concurrently|["';]/g, '')
    .replace(/ on (only )?\S+\.(?=\w+ using)/, ' on ')
    .replace(/\s*([(),=])\s*/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
}

/**
 * Reads the build's progress from a second connection while the first is busy building. A courtesy: without a
 * free connection for it the build goes on all the same, and its end never waits for that connection.
 */
async function watchBuild(
  connection: MigrationConnection,
  { migrationId, index }: ConcurrentBuild,
  onEvent: OnMigrationEvent,
) {
  // Not the announced id: behind a pooler that is the pooler's own.
  const [builder] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
  const stopped = new AbortController();
  const pause = () => sleep(PROGRESS_EVERY_MS, undefined, { signal: stopped.signal });
  let observer: MigrationConnection | null = null;
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
          onEvent({ type: 'index-build', migrationId, index, phase: row.phase, percent: row.percent });
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
