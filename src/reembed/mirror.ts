import type { DedicatedScope } from '../database/dedicated-connection.js';
import { AFTER_CUT_OVER, BEFORE_CUT_OVER, type Direction, PENDING, quoted } from './table-names.js';

/**
 * The triggers that keep two tables in step: `forward` on the one that rows come from, `backward`, from the
 * cut-over on, on the one that they go to.
 *
 * Both begin with the id's row in the table of pending ids. The backfill holds it while it writes a row, so that
 * whoever comes second sees what the first has done. A statement of one trigger does not set off the other.
 */

const FORWARD = 'chat_vectors_mirror_forward';
const BACKWARD = 'chat_vectors_mirror_backward';

/** Columns that both tables have alike: all but the embedding, its code and its model. */
export type SharedColumns = readonly string[];

const MARK_PENDING = (id: string) =>
  `insert into ${PENDING} (id) values (${id}) on conflict (id) do update set id = excluded.id;`;

/**
 * A text that is new or has changed waits for its embedding, and its old embedding goes at once; any other change
 * is passed on. A transaction with a fixed snapshot does not see what the backfill wrote after its start: then
 * the id stays, and the backfill looks at it again.
 */
function forwardBody({ to }: Direction, columns: SharedColumns): string {
  const isAnotherId = `tg_op = 'DELETE' or (tg_op = 'UPDATE' and old.id <> new.id)`;
  return `
    if tg_op = 'TRUNCATE' then
      delete from ${to};
      delete from ${PENDING};
    else
      if ${isAnotherId} then
        ${MARK_PENDING('old.id')}
        delete from ${to} where id = old.id;
        if current_setting('transaction_isolation') = 'read committed' then
          delete from ${PENDING} where id = old.id;
        end if;
      end if;
      if tg_op <> 'DELETE' then
        ${MARK_PENDING('new.id')}
        update ${to} set ${assignments(columns)} where id = new.id and content = new.content;
        if found then
          delete from ${PENDING} where id = new.id;
        else
          delete from ${to} where id = new.id;
        end if;
      end if;
    end if;`;
}

/** What is written to the new table wins: nothing of the same id comes after it, and no old text stays behind. */
function backwardBody({ from }: Direction, columns: SharedColumns): string {
  return `
    if tg_op = 'TRUNCATE' then
      delete from ${from};
      delete from ${PENDING};
    else
      if tg_op = 'DELETE' or (tg_op = 'UPDATE' and old.id <> new.id) then
        ${MARK_PENDING('old.id')}
        delete from ${from} where id = old.id;
        delete from ${PENDING} where id = old.id;
      end if;
      if tg_op <> 'DELETE' then
        ${MARK_PENDING('new.id')}
        update ${from} set ${assignments(columns)} where id = new.id and content = new.content
          and ${asText(columns)} is distinct from ${asText(columns, 'new.')};
        delete from ${from} where id = new.id and content <> new.content;
        delete from ${PENDING} where id = new.id;
      end if;
    end if;`;
}

/** The row as a text: not every type that an application may have added can be compared. */
const asText = (columns: SharedColumns, prefix = '') =>
  `row(${columns.map((column) => prefix + quoted(column)).join(', ')})::text`;

const assignments = (columns: SharedColumns) =>
  columns.map((column) => `${quoted(column)} = new.${quoted(column)}`).join(', ');

/**
 * As the owner of the tables, so that a role that may write vectors needs no right on the tables behind; on a
 * path of its own, since anybody may call it in any session.
 */
async function createFunction(scope: DedicatedScope, name: string, body: string): Promise<void> {
  const [row] = await scope.query<{ schema: string }>('select quote_ident(current_schema()) as schema');
  await scope.query(`create or replace function ${name}() returns trigger language plpgsql
    security definer set search_path = ${row?.schema}, pg_temp as $mirror$
    begin
      if current_setting('macro_store.mirroring', true) = 'on' then
        return null;
      end if;
      perform set_config('macro_store.mirroring', 'on', true);
      ${body}
      perform set_config('macro_store.mirroring', 'off', true);
      return null;
    end $mirror$`);
}

async function createTriggers(scope: DedicatedScope, name: string, table: string): Promise<void> {
  await scope.query(
    `create trigger ${name} after insert or update or delete on ${table} for each row execute function ${name}()`,
  );
  await scope.query(
    `create trigger ${name}_truncate after truncate on ${table} for each statement execute function ${name}()`,
  );
}

export async function startMirror(
  scope: DedicatedScope,
  columns: SharedColumns,
  owner: string,
): Promise<void> {
  await createFunction(scope, FORWARD, forwardBody(BEFORE_CUT_OVER, columns));
  await createFunction(scope, BACKWARD, backwardBody(AFTER_CUT_OVER, columns));
  for (const name of [FORWARD, BACKWARD]) await scope.query(`alter function ${name}() owner to ${owner}`);
  await createTriggers(scope, FORWARD, BEFORE_CUT_OVER.from);
}

/** At the cut-over: the tables have got their new names, and both are written from now on. */
export async function mirrorBothWays(scope: DedicatedScope, columns: SharedColumns): Promise<void> {
  await createFunction(scope, FORWARD, forwardBody(AFTER_CUT_OVER, columns));
  await createTriggers(scope, BACKWARD, AFTER_CUT_OVER.to);
}

/** With the functions go the triggers on both tables. */
export async function stopMirror(scope: DedicatedScope): Promise<void> {
  await scope.query(`drop function if exists ${FORWARD}() cascade`);
  await scope.query(`drop function if exists ${BACKWARD}() cascade`);
}
