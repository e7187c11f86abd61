import { randomUUID } from 'node:crypto';
import type { TestDatabase } from './test-database.js';

export interface TableUser {
  readonly userId: string;
  /** Its chats; the rows are dealt out to them in turn. */
  readonly chatIds: readonly string[];
  readonly rows: number;
}

/** One row, as the filters of a search see it. */
export interface TableRow {
  readonly id: string;
  readonly userId: string;
  readonly chatId: string;
  readonly messageId: string | null;
  readonly role: string | null;
  readonly metadata: { readonly number: number; readonly tag: string; readonly third?: boolean } | null;
  readonly createdAt: Date;
}

/** Texts of a subject are near to each other, as real ones are: ranking them by codes is no lottery. */
const SUBJECTS = 50;
const hash = (number: string) =>
  `hashint8extended((${number})::bigint * 5000 + dimension, 0) / 9223372036854775808.0`;

/**
 * Fills a migrated database with one user for each size, their rows mixed: every second row is of a message,
 * the roles in turn, the metadata `{ number, tag, third }` with a hundred tags (none on every seventh row), an
 * hour between rows. The numbers of the embeddings are hashes: the same in every run.
 */
export async function fillTable(
  database: TestDatabase,
  { sizes, dimensions, chats = 2 }: { sizes: readonly number[]; dimensions: number; chats?: number },
): Promise<readonly TableUser[]> {
  const users = sizes.map((rows) => ({
    userId: randomUUID(),
    chatIds: Array.from({ length: chats }, () => randomUUID()),
    rows,
  }));
  await database.query(
    `insert into users (id, email) select id, id || '@example.org' from unnest($1::uuid[]) id`,
    [users.map(({ userId }) => userId)],
  );
  await database.query(
    `insert into chats (id, user_id, title) select id, user_id, 'A chat' from unnest($1::uuid[], $2::uuid[]) as chat(id, user_id)`,
    [
      users.flatMap(({ chatIds }) => chatIds),
      users.flatMap(({ userId, chatIds }) => chatIds.map(() => userId)),
    ],
  );
  for (const [index, user] of users.entries())
    await addRows(database, user, { from: index * 1_000_000, dimensions });
  return users;
}

/** More rows for a user, numbered from the given number on. */
export async function addRows(
  database: TestDatabase,
  { userId, chatIds, rows }: TableUser,
  { from, dimensions }: { from: number; dimensions: number },
): Promise<void> {
  const numbers = `generate_series(${from}, ${from + rows - 1}) as number`;
  const chat = `($2::uuid[])[1 + number % ${chatIds.length}]`;
  const messageId = `md5($1::text || number)::uuid`;
  const at = `timestamptz '2026-01-01Z' + number % 1000 * interval '1 hour'`;
  await database.query(
    `insert into chat_messages (id, user_id, chat_id, role, content, created_at)
      select ${messageId}, $1::uuid, ${chat}, (array['user', 'assistant', 'system', 'tool'])[1 + number / 2 % 4], 'A message', ${at}
      from ${numbers} where number % 2 = 0`,
    [userId, chatIds],
  );
  await database.query(
    `insert into chat_vectors (user_id, chat_id, message_id, content, metadata, created_at, embedding)
      select $1::uuid, ${chat}, case when number % 2 = 0 then ${messageId} end, 'A text',
        case when number % 7 <> 0 then jsonb_build_object('number', number, 'tag', 'tag ' || number % 100)
          || case when number % 3 = 0 then '{"third": true}' else '{}' end::jsonb end,
        ${at},
        (select array_agg(${hash(`number % ${SUBJECTS}`)} + 0.8 * ${hash('number + 100000')})::vector
          from generate_series(1, ${dimensions}) as dimension)
      from ${numbers} order by hashint8(number)`,
    [userId, chatIds],
  );
}

/**
 * Analyzes and vacuums, so that index-only scans need not look at the table. In three steps: where commits do
 * not wait for the disk, vacuum takes a row for visible to all only once its commit, and those beside it, got there.
 */
export async function vacuum(database: TestDatabase): Promise<void> {
  for (const step of ['analyze', 'checkpoint', 'vacuum']) await database.query(step);
}

/** The embedding of one of a user's rows: a query near to some others. */
export async function embeddingIn(database: TestDatabase, { userId }: TableUser): Promise<Float32Array> {
  const [row] = await database.query<{ embedding: string }>(
    `select embedding::text from chat_vectors where user_id = $1 order by created_at, metadata limit 1`,
    [userId],
  );
  return Float32Array.from(JSON.parse(row?.embedding ?? '[]') as number[]);
}

/** Every row of the table. */
export function rowsOfTable(database: TestDatabase): Promise<readonly TableRow[]> {
  return database.query<TableRow & Record<string, unknown>>(
    `select v.id, v.user_id as "userId", v.chat_id as "chatId", v.message_id as "messageId", m.role,
      v.metadata, v.created_at as "createdAt"
    from chat_vectors v left join chat_messages m on m.id = v.message_id`,
  );
}
