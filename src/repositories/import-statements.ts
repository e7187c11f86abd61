import { type SQL, sql } from 'drizzle-orm';
import { compileStatement, parameter } from '../database/statement.js';
import { isTable, perPlace, type VectorPlace } from '../database/vector-tables.js';
import { chatMessages } from '../schema/chat-messages.js';
import { chats } from '../schema/chats.js';
import { replaced } from './vector-statements.js';

const OPERATION = 'vectors.import';
const COLUMNS = 'id, user_id, chat_id, message_id, content, metadata, embedding, model';
const STAGING = 'pg_temp.macro_store_import';

export const copyIntoTable = ({ table }: VectorPlace) => ({
  operation: OPERATION,
  text: `copy ${table} (${COLUMNS}) from stdin (format binary)`,
});
export const copyIntoStaging = {
  operation: OPERATION,
  text: `copy ${STAGING} (${COLUMNS}, position) from stdin (format binary)`,
};

export interface RowArrays {
  readonly ids: readonly string[];
  readonly userIds: readonly string[];
  readonly chatIds: readonly string[];
  readonly messageIds: readonly (string | null)[];
  readonly contents: readonly string[];
  readonly metadatas: readonly (string | null)[];
  readonly embeddings: unknown;
  readonly model: string | null;
  readonly positions: readonly number[];
}

/** Where there is no COPY. */
const insertInto = (variant: string, target: SQL) =>
  compileStatement<RowArrays, object>(
    `${OPERATION}#${variant}`,
    sql`insert into ${target} select id, user_id, chat_id, message_id, content, metadata::jsonb, embedding, ${parameter('model')}::text${
      variant === 'staging' ? sql`, position` : sql``
    } from unnest(
        ${parameter('ids')}::uuid[], ${parameter('userIds')}::uuid[], ${parameter('chatIds')}::uuid[],
        ${parameter('messageIds')}::uuid[], ${parameter('contents')}::text[], ${parameter('metadatas')}::text[],
        ${parameter('embeddings')}::vector[], ${parameter('positions')}::int[]
      ) as input (id, user_id, chat_id, message_id, content, metadata, embedding, position)`,
  );
export const insertIntoTable = perPlace((place) =>
  insertInto(`insert${place.variant}`, sql.raw(`${place.table} (${COLUMNS})`)),
);
export const insertIntoStaging = insertInto('staging', sql.raw(`${STAGING} (${COLUMNS}, position)`));

/** The places, in these arrays, of the first row whose chat or message is not there. */
export const selectMissing = compileStatement<
  Pick<RowArrays, 'userIds' | 'chatIds' | 'messageIds'>,
  { place: number; entity: 'chat' | 'message' }
>(
  `${OPERATION}#missing`,
  sql`select place, entity from (
      select place::int - 1 as place, case
        when not exists (select from ${chats} c where c.user_id = input.user_id and c.id = input.chat_id) then 'chat'
        when message_id is not null and not exists (
          select from ${chatMessages} m
          where m.user_id = input.user_id and m.id = input.message_id and m.chat_id = input.chat_id) then 'message'
        end as entity
      from unnest(${parameter('userIds')}::uuid[], ${parameter('chatIds')}::uuid[], ${parameter('messageIds')}::uuid[])
        with ordinality as input (user_id, chat_id, message_id, place)
    ) as checked
    where entity is not null order by place limit 1`,
);

const once = <Row = object>(variant: string, text: string) =>
  compileStatement<object, Row>(`${OPERATION}#${variant}`, sql.raw(text));

// Not `like chat_vectors`: that would copy the not-null constraints of columns that are filled by defaults.
export const createStaging = perPlace((place) =>
  once(
    `stage${place.variant}`,
    `create temp table macro_store_import on commit drop as
      select ${COLUMNS}, 0 as position from ${place.table} with no data`,
  ),
);
export const constrainStaging = once(
  'constrain',
  `alter table ${STAGING} alter embedding set storage main,
    add constraint macro_store_import_position primary key (position),
    add constraint macro_store_import_id unique (id)`,
);
export const dropStaging = once('drop', `drop table ${STAGING}`);

interface Range {
  readonly from: number;
  readonly to: number;
}
const inRange = sql`position >= ${parameter('from')}::int and position < ${parameter('to')}::int`;

/** Leaves out what another user has: then the count is short. */
export const replaceFromStaging = perPlace((place) =>
  compileStatement<Range, { count: number }>(
    `${OPERATION}#replace${place.variant}`,
    sql`with written as (
        insert into ${sql.identifier(place.table)} as stored (${sql.raw(COLUMNS)})
        select ${sql.raw(COLUMNS)} from ${sql.raw(STAGING)} where ${inRange}
        on conflict (id) do update set ${replaced} where stored.user_id = excluded.user_id
        returning 1
      ) select count(*)::int as count from written`,
  ),
);
export const selectTaken = perPlace((place) =>
  compileStatement<Range, { position: number }>(
    `${OPERATION}#taken${place.variant}`,
    sql`select position from ${sql.raw(STAGING)} staged join ${sql.identifier(place.table)} v using (id)
      where ${inRange} and v.user_id <> staged.user_id order by position limit 1`,
  ),
);

// The transaction is idle while the source makes rows; a pool of ours would have it ended after a minute. And
// from here on the table keeps its name until the transaction ends: COPY cannot be told which table it is to be.
export const begin = perPlace((place) =>
  compileStatement<object, { previous: string }>(
    `${OPERATION}#begin${place.variant}`,
    sql`select current_setting('idle_in_transaction_session_timeout') as previous,
      set_config('idle_in_transaction_session_timeout', '0', true),
      exists (select from ${sql.identifier(place.table)} where ${isTable(place)})`,
  ),
);
export const limitIdle = compileStatement<{ previous: string }, object>(
  `${OPERATION}#limit-idle`,
  sql`select set_config('idle_in_transaction_session_timeout', ${parameter('previous')}, true)`,
);
