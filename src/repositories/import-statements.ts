import { type SQL, sql } from 'drizzle-orm';
import { compileStatement, parameter } from '../database/statement.js';
import { chatMessages } from '../schema/chat-messages.js';
import { chatVectors } from '../schema/chat-vectors.js';
import { chats } from '../schema/chats.js';
import { replaced } from './vector-statements.js';

const OPERATION = 'vectors.import';
const COLUMNS = 'id, user_id, chat_id, message_id, content, metadata, embedding';
const STAGING = 'pg_temp.macro_store_import';

export const copyIntoTable = {
  operation: OPERATION,
  text: `copy chat_vectors (${COLUMNS}) from stdin (format binary)`,
};
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
  readonly positions: readonly number[];
}

/** Where there is no COPY. */
const insertInto = (variant: string, target: SQL) =>
  compileStatement<RowArrays, object>(
    `${OPERATION}#${variant}`,
    sql`insert into ${target} select id, user_id, chat_id, message_id, content, metadata::jsonb, embedding${
      variant === 'staging' ? sql`, position` : sql``
    } from unnest(
        ${parameter('ids')}::uuid[], ${parameter('userIds')}::uuid[], ${parameter('chatIds')}::uuid[],
        ${parameter('messageIds')}::uuid[], ${parameter('contents')}::text[], ${parameter('metadatas')}::text[],
        ${parameter('embeddings')}::vector[], ${parameter('positions')}::int[]
      ) as input (id, user_id, chat_id, message_id, content, metadata, embedding, position)`,
  );
export const insertIntoTable = insertInto('insert', sql.raw(`chat_vectors (${COLUMNS})`));
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
export const createStaging = once(
  'stage',
  `create temp table macro_store_import on commit drop as
    select ${COLUMNS}, 0 as position from chat_vectors with no data`,
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
export const replaceFromStaging = compileStatement<Range, { count: number }>(
  `${OPERATION}#replace`,
  sql`with written as (
      insert into ${chatVectors} (${sql.raw(COLUMNS)})
      select ${sql.raw(COLUMNS)} from ${sql.raw(STAGING)} where ${inRange}
      on conflict (id) do update set ${replaced} where chat_vectors.user_id = excluded.user_id
      returning 1
    ) select count(*)::int as count from written`,
);
export const selectTaken = compileStatement<Range, { position: number }>(
  `${OPERATION}#taken`,
  sql`select position from ${sql.raw(STAGING)} staged join ${chatVectors} v using (id)
    where ${inRange} and v.user_id <> staged.user_id order by position limit 1`,
);

// The transaction is idle while the source makes rows; a pool of ours would have it ended after a minute.
export const allowIdle = compileStatement<object, { previous: string }>(
  `${OPERATION}#idle`,
  sql.raw(`select current_setting('idle_in_transaction_session_timeout') as previous,
    set_config('idle_in_transaction_session_timeout', '0', true)`),
);
export const limitIdle = compileStatement<{ previous: string }, object>(
  `${OPERATION}#limit-idle`,
  sql`select set_config('idle_in_transaction_session_timeout', ${parameter('previous')}, true)`,
);
