import type { DedicatedScope } from '../database/dedicated-connection.js';
import { storeError } from '../errors.js';
import { inTransaction, withSchemaLock } from './lock.js';
import { mirrorBothWays } from './mirror.js';
import type { ReembedRun } from './run-settings.js';
import { sharedColumns } from './shared-columns.js';
import { type ReembedState, writeState } from './state.js';
import { CURRENT, indexNameOn, NEXT, PREVIOUS, quoted } from './table-names.js';

/**
 * Gives the next table the name of the one in use, in one transaction that changes names only.
 *
 * Whoever has the tables in use is waited for, and whoever comes meanwhile waits: not longer than the lock's
 * timeout and the renaming together.
 */
export async function cutOver(run: ReembedRun, { source, target }: ReembedState): Promise<void> {
  const heldMs = await withSchemaLock(run, () =>
    inTransaction(run, 'cut-over', async (scope) => {
      const started = performance.now();
      await scope.query(`lock table ${CURRENT}, ${NEXT} in access exclusive mode`);
      const columns = await sharedColumns(scope, CURRENT);
      if (columns.join() !== (await sharedColumns(scope, NEXT)).join()) throw tableChanged(run.operation);
      await exchangeNames(scope);
      await mirrorBothWays(scope, columns);
      await writeState(scope, { phase: 'cut-over', source, target });
      return performance.now() - started;
    }),
  );
  run.report({ type: 'cut-over', heldMs: Math.round(heldMs) });
}

async function exchangeNames(scope: DedicatedScope): Promise<void> {
  const indexes = await scope.query<{ name: string }>(
    `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
     where i.indrelid = $1::regclass order by 1`,
    [CURRENT],
  );
  await scope.query(`alter table ${CURRENT} rename to ${PREVIOUS}`);
  await scope.query(`alter table ${NEXT} rename to ${CURRENT}`);
  for (const { name } of indexes) {
    await scope.query(`alter index ${quoted(name)} rename to ${quoted(indexNameOn(PREVIOUS, name))}`);
    await scope.query(`alter index if exists ${quoted(indexNameOn(NEXT, name))} rename to ${quoted(name)}`);
  }
}

function tableChanged(operation: string) {
  const message = `the columns of ${CURRENT} were changed since the new table was created; give it up (abandonReembed) and begin again`;
  return storeError('reembed-refused', operation, message, { reason: 'table-changed' });
}
