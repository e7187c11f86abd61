import type { DedicatedScope } from '../database/dedicated-connection.js';
import type { SharedColumns } from './mirror.js';
import { type Direction, PENDING, quoted } from './table-names.js';

/** A pending id, with the row that it had when it was read. */
export interface PendingRow {
  readonly id: string;
  /** The transaction that wrote the row as it was read; `null` where there is none. */
  readonly version: string | null;
  readonly content: string | null;
}

export interface EmbeddedRow {
  readonly id: string;
  readonly version: string;
}

/** The ids that one pass over the pending ones looks at. */
export interface PendingRange {
  /** `null`: from the lowest. */
  readonly after: string | null;
  readonly last: string;
}

/** All that are pending now. New ids ascend, so that a pass without an end would follow a writer for ever. */
export async function pendingRange(scope: DedicatedScope): Promise<PendingRange | null> {
  const [row] = await scope.query<{ id: string }>(`select id from ${PENDING} order by id desc limit 1`);
  return row === undefined ? null : { after: null, last: row.id };
}

/** The first pending ids of the range in their order. */
export function readPending(
  scope: DedicatedScope,
  { from }: Direction,
  { after, last }: PendingRange,
  limit: number,
): Promise<readonly PendingRow[]> {
  return scope.query<PendingRow>(
    `select p.id, f.xmin::text as version, f.content
     from ${PENDING} p left join ${from} f on f.id = p.id
     where ($1::uuid is null or p.id > $1) and p.id <= $2
     order by p.id limit $3`,
    [after, last, limit],
  );
}

/**
 * Takes the ids for this transaction. Their writers wait from here on, so that the next statement sees the rows
 * as they stay; ids that a writer has taken stay pending.
 */
export async function takePending(scope: DedicatedScope, ids: readonly string[]): Promise<readonly string[]> {
  const rows = await scope.query<{ id: string }>(
    `select id from ${PENDING} where id = any($1::uuid[]) order by id for update skip locked`,
    [ids],
  );
  return rows.map(({ id }) => id);
}

/**
 * Writes the rows with their new embeddings, and gives the ids of those that were written: rows that nobody has
 * changed since they were read. The rest stays pending.
 *
 * The parents are locked first and never waited for. Whoever deletes a chat holds it and then wants its rows,
 * whose ids we hold; the foreign keys would make us wait for the chat.
 */
export async function writeEmbedded(
  scope: DedicatedScope,
  { from, to }: Direction,
  columns: SharedColumns,
  model: string,
  rows: readonly EmbeddedRow[],
  embeddings: unknown,
): Promise<readonly string[]> {
  const shared = columns.map(quoted).join(', ');
  const replaced = [...columns.map(quoted), 'embedding', 'model']
    .map((column) => `${column} = excluded.${column}`)
    .join(', ');
  const written = await scope.query<{ id: string }>(
    `with embedded as materialized (
       select * from unnest($1::uuid[], $2::text[], $3::vector[]) as e (id, version, new_embedding)
     ), unchanged as materialized (
       select f.*, e.new_embedding
       from embedded e join ${from} f on f.id = e.id and f.xmin::text = e.version join chats c on c.id = f.chat_id
       for key share of c skip locked
     ), messages as materialized (
       select id from chat_messages where id in (select message_id from unchanged) for key share skip locked
     ), written as (
       insert into ${to} (${shared}, embedding, model)
       select ${shared}, new_embedding, $4 from unchanged
       where message_id is null or message_id in (select id from messages)
       order by id
       on conflict (id) do update set ${replaced}
       returning id
     ), settled as (
       delete from ${PENDING} where id in (select id from written)
     )
     select id from written`,
    [rows.map(({ id }) => id), rows.map(({ version }) => version), embeddings, model],
  );
  return written.map(({ id }) => id);
}

/** Ids without a row: whatever the new table still has of them goes. Gives their number. */
export async function removeOrphans(
  scope: DedicatedScope,
  { from, to }: Direction,
  ids: readonly string[],
): Promise<number> {
  if (ids.length === 0) return 0;
  const removed = await scope.query(
    `with gone as materialized (
       select id from unnest($1::uuid[]) as taken (id) where not exists (select from ${from} f where f.id = taken.id)
     ), deleted as (
       delete from ${to} where id in (select id from gone)
     )
     delete from ${PENDING} where id in (select id from gone) returning 1`,
    [ids],
  );
  return removed.length;
}
