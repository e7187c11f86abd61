import { setTimeout as sleep } from 'node:timers/promises';
import { binaryWire, textWire } from '../database/vector-wire.js';
import { storeError } from '../errors.js';
import { sqlStateOf } from '../sql-state.js';
import { embedBatch } from './embed-batch.js';
import { isLockFailure, shortTransaction } from './lock.js';
import type { SharedColumns } from './mirror.js';
import { countPending } from './queue.js';
import type { EmbedTexts } from './reembedding.js';
import type { ReembedRun } from './run-settings.js';
import { sharedColumns } from './shared-columns.js';
import type { Target } from './state.js';
import { AFTER_CUT_OVER, type Direction } from './table-names.js';
import {
  type EmbeddedRow,
  type PendingRow,
  pendingRange,
  readPending,
  removeOrphans,
  takePending,
  writeEmbedded,
} from './write-batch.js';

export interface BackfillRun extends ReembedRun {
  readonly target: Target;
  readonly embed: EmbedTexts;
  readonly batchSize: number;
  readonly concurrency: number;
  /** The oid of the type `vector`. */
  readonly vectorOid: number;
  /** Ends the calls of `embed` with the run, whatever ends it. */
  readonly embedSignal: AbortSignal;
}

const PAUSE_MS = 100;

/**
 * Brings pending rows over, again and again, until there are few: what is left then is what was written during
 * the last pass. Gives the number of rows brought over.
 */
export async function backfill(run: BackfillRun, direction: Direction): Promise<number> {
  const few = run.batchSize * run.concurrency;
  let total = 0;
  let least = Number.POSITIVE_INFINITY;
  let shrankAt = performance.now();
  for (;;) {
    const { read, settled } = await pass(run, direction, total);
    total += settled;
    const isShrinking = read < least;
    if (isShrinking) {
      least = read;
      shrankAt = performance.now();
    }
    // Where as much is written meanwhile as is brought over, another pass would find as many.
    if (settled === read && (read <= few || !isShrinking)) return total;
    if (settled === read) continue;
    // Some are held by writers.
    if (performance.now() - shrankAt > run.retryForMs) {
      if (read <= few || direction === AFTER_CUT_OVER) return total;
      const message = `${read - settled} rows are held by open transactions; look for one that stays open`;
      throw storeError('reembed-refused', run.operation, message, { reason: 'table-in-use' });
    }
    await sleep(PAUSE_MS);
  }
}

/** A batch on its way through `embed`. Its failure is a value, since it may come before anybody waits for it. */
interface Batch {
  readonly rows: readonly PendingRow[];
  readonly embedded: Promise<{ readonly embeddings: readonly Float32Array[] } | { readonly error: unknown }>;
}

/** Every id that is pending at the start, once. Embeds several batches at a time and writes one after the other. */
async function pass(run: BackfillRun, direction: Direction, before: number) {
  const columns = await sharedColumns(run.connection, direction.from);
  const pendingAtStart = await countPending(run);
  const underWay: Batch[] = [];
  let read = 0;
  let settled = 0;
  const writeFirst = async () => {
    const batch = underWay.shift();
    if (batch === undefined) return;
    const result = await batch.embedded;
    if ('error' in result) throw result.error;
    settled += await write(run, direction, columns, batch.rows, result.embeddings);
    const remaining = Math.max(0, pendingAtStart - read);
    run.report({ type: 'embedded', rows: batch.rows.length, total: before + settled, remaining });
  };
  for (let range = await pendingRange(run.connection); range !== null; ) {
    run.assertNotAborted();
    const rows: readonly PendingRow[] = await readPending(run.connection, direction, range, run.batchSize);
    const last = rows.at(-1);
    if (last === undefined) break;
    range = { ...range, after: last.id };
    read += rows.length;
    underWay.push({ rows, embedded: embedRows(run, rows) });
    if (underWay.length >= run.concurrency) await writeFirst();
  }
  while (underWay.length > 0) await writeFirst();
  return { read, settled };
}

function embedRows(run: BackfillRun, rows: readonly PendingRow[]): Batch['embedded'] {
  const texts = rows.flatMap(({ content }) => content ?? []);
  return settle(
    texts.length === 0
      ? Promise.resolve([])
      : embedBatch(run.operation, run.embed, texts, run.target, run.embedSignal),
  );
}

function settle(embedding: Promise<readonly Float32Array[]>): Batch['embedded'] {
  return embedding.then(
    (embeddings) => ({ embeddings }),
    (error) => ({ error }),
  );
}

/** Gives the number of ids that are no longer pending. */
async function write(
  run: BackfillRun,
  direction: Direction,
  columns: SharedColumns,
  rows: readonly PendingRow[],
  embeddings: readonly Float32Array[],
): Promise<number> {
  const wire = run.connection.isEmbedded ? textWire : binaryWire;
  const present = rows.filter(hasVersion).map((row, index) => ({ ...row, embedding: embeddings[index] }));
  try {
    return await shortTransaction(run, async (scope) => {
      const taken = new Set(
        await takePending(
          scope,
          rows.map(({ id }) => id),
        ),
      );
      const toWrite = present.filter(({ id }) => taken.has(id));
      const vectors = toWrite.flatMap(({ embedding }) => embedding ?? []);
      const written = await writeEmbedded(
        scope,
        direction,
        columns,
        run.target.model,
        toWrite,
        wire.encodeMany(vectors, run.vectorOid),
      );
      const orphans = rows.filter((row) => !hasVersion(row) && taken.has(row.id)).map(({ id }) => id);
      return written.length + (await removeOrphans(scope, direction, orphans));
    });
  } catch (error) {
    if (!isLockFailure(error)) throw error;
    // A writer of the new table was there first, and may wait for us: these come again.
    run.report({ type: 'retrying', step: 'embed', attempt: 1, sqlState: sqlStateOf(error) ?? '' });
    return 0;
  }
}

const hasVersion = (row: PendingRow): row is PendingRow & EmbeddedRow => row.version !== null;
