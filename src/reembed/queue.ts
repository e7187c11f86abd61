import { isLockFailure, shortTransaction } from './lock.js';
import type { ReembedRun } from './run-settings.js';
import { type Direction, PENDING } from './table-names.js';

const ROWS_AT_A_TIME = 5_000;

/**
 * Enters every row that the new table has not into the table of pending ids, whatever came in between; what is
 * written meanwhile enters itself. A few thousand at a time, so that no writer waits for long.
 */
export async function queueMissing(run: ReembedRun, direction: Direction): Promise<void> {
  // Up to the last of now: new ids ascend, and a look without an end would follow a writer for ever.
  const [last] = await run.connection.query<{ id: string }>(
    `select id from ${direction.from} order by id desc limit 1`,
  );
  for (let after: string | null = null; last !== undefined; ) {
    run.assertNotAborted();
    const queued = await queueSome(run, direction, after, last.id);
    if (queued === null) return;
    after = queued;
  }
}

/** Gives the last id that was looked at; `null` at the end. */
async function queueSome(
  run: ReembedRun,
  { from, to }: Direction,
  after: string | null,
  last: string,
): Promise<string | null> {
  const missing = `select f.id from ${from} f
    where ($1::uuid is null or f.id > $1) and f.id <= $2 and not exists (select from ${to} t where t.id = f.id)
    order by f.id limit $3`;
  const queue = `with missing as materialized (${missing}), queued as (
      insert into ${PENDING} (id) select id from missing order by id on conflict (id) do nothing
    )
    select id from missing order by id desc limit 1`;
  for (let size = ROWS_AT_A_TIME; size > 0; size = Math.floor(size / 10)) {
    try {
      return await shortTransaction(run, async (scope) => {
        const [row] = await scope.query<{ id: string }>(queue, [after, last, size]);
        return row?.id ?? null;
      });
    } catch (error) {
      if (!isLockFailure(error)) throw error;
      // A transaction that is still open has written one of these: fewer rows go around it.
    }
  }
  // The one row itself. Whether it ends up in the queue is that transaction's business; the next look tells.
  const [row] = await run.connection.query<{ id: string }>(missing, [after, last, 1]);
  return row?.id ?? null;
}

export async function countPending(run: Pick<ReembedRun, 'connection'>): Promise<number> {
  const [row] = await run.connection.query<{ count: number }>(
    `select count(*)::int as count from ${PENDING}`,
  );
  return row?.count ?? 0;
}
