import type { DedicatedScope } from '../database/dedicated-connection.js';
import { storeError } from '../errors.js';
import { inTransaction, withSchemaLock } from './lock.js';
import { stopMirror } from './mirror.js';
import { queueMissing } from './queue.js';
import type { ReembedRun } from './run-settings.js';
import { deleteState, type ReembedState, readState, writeState } from './state.js';
import { AFTER_CUT_OVER, CURRENT, NEXT, PENDING, PREVIOUS } from './table-names.js';
import { type PendingRow, pendingRange, readPending, removeOrphans, takePending } from './write-batch.js';

const IDS_AT_A_TIME = 1_000;

/** Drops the previous table, once the new one has all of its rows. */
export async function dropPrevious(run: ReembedRun): Promise<void> {
  const state = await stateOf(run);
  if (state.phase !== 'cut-over') throw notUnderWay(run, 'its cut-over has not been yet');
  await queueMissing(run, AFTER_CUT_OVER);
  await clearOrphans(run);
  await withSchemaLock(run, () =>
    inTransaction(run, 'drop', async (scope) => {
      await lockAll(scope, PREVIOUS);
      const [pending] = await scope.query(`select from ${PENDING} limit 1`);
      if (pending !== undefined) throw rowsPending(run);
      await stopMirror(scope);
      await scope.query(`drop table ${PREVIOUS}, ${PENDING}`);
      await writeState(scope, { ...state, phase: 'finished' });
    }),
  );
}

/** Drops the next table, and leaves things as they were before the re-embedding. */
export async function abandon(run: ReembedRun): Promise<void> {
  const state = await stateOf(run);
  if (state.phase === 'cut-over') {
    const message =
      'the new model is in use already; to go back, finish this and embed again with the old one';
    throw storeError('reembed-refused', run.operation, message, { reason: 'past-cut-over' });
  }
  await withSchemaLock(run, () =>
    inTransaction(run, 'drop', async (scope) => {
      await lockAll(scope, NEXT);
      await stopMirror(scope);
      await scope.query(`drop table ${NEXT}, ${PENDING}`);
      const { model } = state.source;
      if (model === null) await deleteState(scope);
      else await writeState(scope, { ...state, phase: 'finished', target: { ...state.source, model } });
    }),
  );
}

async function stateOf(run: ReembedRun): Promise<ReembedState> {
  const state = await readState(run.connection);
  if (state === null || state.phase === 'finished') throw notUnderWay(run, 'none is under way');
  return state;
}

/** Dropping a table takes its foreign keys out of the tables they point at. Parents first, as writes do. */
async function lockAll(scope: DedicatedScope, dropped: string): Promise<void> {
  await scope.query(`lock table chats, chat_messages, ${CURRENT}, ${dropped} in access exclusive mode`);
}

/** Ids whose row was deleted need no embedding. */
async function clearOrphans(run: ReembedRun): Promise<void> {
  for (let range = await pendingRange(run.connection); range !== null; ) {
    const rows: readonly PendingRow[] = await readPending(
      run.connection,
      AFTER_CUT_OVER,
      range,
      IDS_AT_A_TIME,
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    range = { ...range, after: last.id };
    const gone = rows.filter(({ version }) => version === null).map(({ id }) => id);
    await inTransaction(run, 'drop', async (scope) =>
      removeOrphans(scope, AFTER_CUT_OVER, await takePending(scope, gone)),
    );
  }
}

function notUnderWay(run: ReembedRun, why: string) {
  return storeError('reembed-refused', run.operation, `there is nothing to end: ${why}`, {
    reason: 'not-under-way',
  });
}

function rowsPending(run: ReembedRun) {
  const message = `${PREVIOUS} holds rows that the new table does not; bring them over with \`reembed\` first`;
  return storeError('reembed-refused', run.operation, message, { reason: 'rows-pending' });
}
