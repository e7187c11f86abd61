import { storeError } from '../errors.js';
import { type BackfillRun, backfill } from './backfill.js';
import { currentVectors } from './current-vectors.js';
import { cutOver } from './cut-over.js';
import { buildMissingIndexes } from './indexes.js';
import { withSchemaLock } from './lock.js';
import { createNextTable } from './next-table.js';
import { countPending, queueMissing } from './queue.js';
import type { ReembedReport } from './reembedding.js';
import { describe, isSameTarget, type ReembedState, readState } from './state.js';
import { AFTER_CUT_OVER, BEFORE_CUT_OVER, NEXT } from './table-names.js';

/** A whole re-embedding, from wherever the last run has left it. The lock is held. */
export async function runReembedding(run: BackfillRun): Promise<ReembedReport> {
  const started = performance.now();
  const report = (embedded: number, pending: number): ReembedReport => ({
    embedded,
    pending,
    durationMs: Math.round(performance.now() - started),
  });
  const found = await readState(run.connection);
  if (found?.phase === 'finished' && isSameTarget(found.target, run.target)) return report(0, 0);
  const state = found === null || found.phase === 'finished' ? await begin(run, found) : found;
  if (!isSameTarget(state.target, run.target)) throw otherTarget(run, state);

  let embedded = 0;
  if (state.phase === 'backfilling') {
    await queue(run, BEFORE_CUT_OVER);
    embedded += await backfill(run, BEFORE_CUT_OVER);
    await withSchemaLock(run, () => buildMissingIndexes(run, run.target));
    // For the plans, and so that searches by code need not look at the rows.
    await run.connection.query(`vacuum (analyze) ${NEXT}`);
    // What was missed, if anything was; and what was written meanwhile.
    await queue(run, BEFORE_CUT_OVER);
    embedded += await backfill(run, BEFORE_CUT_OVER);
    await cutOver(run, state);
  }
  await queue(run, AFTER_CUT_OVER);
  embedded += await backfill(run, AFTER_CUT_OVER);
  return report(embedded, await countPending(run));
}

/** Creates the new table; what the old one is of is known only where it came from a re-embedding. */
async function begin(run: BackfillRun, last: ReembedState | null): Promise<ReembedState> {
  const source = await currentVectors(run, last?.target.model ?? null);
  await createNextTable(run, source, run.target);
  return { phase: 'backfilling', source, target: run.target };
}

async function queue(run: BackfillRun, direction: typeof BEFORE_CUT_OVER): Promise<void> {
  await queueMissing(run, direction);
  run.report({ type: 'queued', rows: await countPending(run) });
}

function otherTarget(run: BackfillRun, state: ReembedState) {
  const message =
    `a re-embedding to ${describe(state.target)} is under way, and this one is to ${describe(run.target)}; ` +
    (state.phase === 'backfilling'
      ? 'finish it, or give it up (abandonReembed)'
      : 'finish it (dropPreviousEmbeddings) first');
  return storeError('reembed-refused', run.operation, message, { reason: 'other-target' });
}
