import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationConnection } from './connection.js';
import type { OnMigrationEvent } from './events.js';

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
      throw new IndexDiffersError(`an index "${build.index}" of another definition exists; drop or rename it`);
    }
    return;
  }
  if (found !== null) {
    await connection.query(`drop index concurrently "${build.index}"`);
    onEvent({ type: 'index-repaired', migrationId: build.migrationId, index: build.index });
  }
  const watch = connection.isEmbedded ? null : watchBuild(connection, build, onEvent);
  try {
    await connection.query(build.statement);
  } finally {
    await watch?.stop();
  }
  const built = await findIndex(connection, build.index);
  if (!built?.isValid) throw new Error(`the index "${build.index}" is not valid after its build`);
}

interface FoundIndex {
  readonly isValid: boolean;
  readonly definition: string;
}

async function findIndex(connection: MigrationConnection, index: string): Promise<FoundIndex | null> {
  const [row] = await connection.query<FoundIndex>(
    `select i.indisvalid and i.indisready as "isValid", pg_get_indexdef(i.indexrelid) as definition
     from pg_index i where i.indexrelid = to_regclass($1)`,
    [`"${index}"`],
  );
  return row ?? null;
}

/** The same text for our statement and for the server's print of the index that it made. */
function normalized(definition: string): string {
  return definition
    .toLowerCase()
    .replace(/ concurrently|["';]/g, '')
    .replace(/ on (only )?\w+\.(?=\w+ using)/, ' on ')
    .replace(/\s*([(),=])\s*/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Reads the build's progress from a second connection while the first is busy building. */
function watchBuild(connection: MigrationConnection, { migrationId, index }: ConcurrentBuild, onEvent: OnMigrationEvent) {
  const stopped = new AbortController();
  const watch = async () => {
    await sleep(PROGRESS_EVERY_MS, undefined, { signal: stopped.signal });
    const observer = await connection.openAnother();
    try {
      while (!stopped.signal.aborted) {
        const [row] = await observer.query<{ phase: string; percent: number | null }>(
          `select phase, (100.0 * coalesce(nullif(blocks_done, 0)::numeric / nullif(blocks_total, 0),
             nullif(tuples_done, 0)::numeric / nullif(tuples_total, 0)))::float8 as percent
           from pg_stat_progress_create_index where pid = $1`,
          [connection.processId],
        );
        if (row !== undefined && !stopped.signal.aborted) {
          onEvent({ type: 'index-build', migrationId, index, phase: row.phase, percent: row.percent });
        }
        await sleep(PROGRESS_EVERY_MS, undefined, { signal: stopped.signal });
      }
    } finally {
      await observer.close();
    }
  };
  // Progress is a courtesy: no free connection for it, or its end in mid-sleep, must not fail the build.
  const watching = watch().catch(() => undefined);
  return {
    stop: async () => {
      stopped.abort();
      await watching;
    },
  };
}
