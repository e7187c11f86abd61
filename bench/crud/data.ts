import pg from 'pg';

/** What the suite `crud` works on. */
export const SIZES = {
  users: 10_000,
  usersWithChats: 20,
  chatsOfUser: 2_000,
  messagesOfLongChat: 20_000,
  messagesOfOtherChats: 40_000,
  dimensions: 1536,
} as const;

/** The id of the n-th row of a kind, counted from 1; the server computes the same. */
export const userId = (n: number) => seedId(1, n);
export const chatId = (user: number, n: number) => seedId(2, user * 10_000 + n);

const seedId = (kind: number, n: number) =>
  `${`${kind}`.padStart(8, '0')}-0000-7000-8000-${`${n}`.padStart(12, '0')}`;
const seedIdSql = (kind: number, n: string) =>
  `(lpad('${kind}', 8, '0') || '-0000-7000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;

/** The long chat is the first of the first user. */
export const LONG_CHAT = { userId: userId(1), chatId: chatId(1, 1) };

const START = `timestamptz '2026-01-01 00:00:00Z'`;
/** 64–384 characters, as a turn of a chat is. */
const CONTENT = `repeat(md5(n::text), 2 + (n % 11)::int)`;
const METADATA = `case when n % 2 = 0 then jsonb_build_object('model', 'small-1', 'tokens', n % 300) end`;

/** Fills the store's tables; the same rows with every run. */
export async function seed(databaseUrl: string): Promise<void> {
  await runAll(databaseUrl, [
    `insert into users (id, email, email_verified, first_name, last_name, created_at, updated_at, last_login)
       select ${seedIdSql(1, 'n')}, 'user' || n || '@example.com', n % 2 = 0, 'First' || n, 'Last' || n,
         ${START} + n * interval '1 minute', ${START} + n * interval '1 minute',
         case when n % 3 > 0 then ${START} + n * interval '1 hour' end
       from generate_series(1, ${SIZES.users}) n`,
    `insert into chats (id, user_id, title, created_at, updated_at)
       select ${seedIdSql(2, 'u * 10000 + n')}, ${seedIdSql(1, 'u')}, 'Chat ' || n || ' about ' || md5(n::text),
         ${START} + n * interval '1 minute', ${START} + ((n * 7919) % 100003) * interval '1 minute'
       from generate_series(1, ${SIZES.usersWithChats}) u, generate_series(1, ${SIZES.chatsOfUser}) n`,
    `insert into chat_messages (id, user_id, chat_id, role, content, metadata, created_at)
       select ${seedIdSql(3, 'n')}, '${LONG_CHAT.userId}', '${LONG_CHAT.chatId}',
         case when n % 2 = 0 then 'assistant' else 'user' end, ${CONTENT}, ${METADATA}, ${START} + n * interval '30 seconds'
       from generate_series(1, ${SIZES.messagesOfLongChat}) n`,
    `insert into chat_messages (id, user_id, chat_id, role, content, metadata, created_at)
       select ${seedIdSql(4, 'n')}, user_id, id, 'user', ${CONTENT}, ${METADATA}, ${START} + n * interval '30 seconds'
       from (select *, row_number() over (order by id) as n from chats) chats limit ${SIZES.messagesOfOtherChats}`,
    'vacuum analyze',
  ]);
}

/** Gives Mastra's tables the same chats and messages, in the form in which it writes them itself. */
export async function copyToMastra(databaseUrl: string): Promise<void> {
  await runAll(databaseUrl, [
    `insert into mastra_threads (id, "resourceId", title, metadata, "createdAt", "createdAtZ", "updatedAt", "updatedAtZ")
       select id, user_id, title, '{}', created_at at time zone 'UTC', created_at, updated_at at time zone 'UTC', updated_at
       from chats`,
    `insert into mastra_messages (id, thread_id, "resourceId", role, type, content, "createdAt", "createdAtZ")
       select id, chat_id, user_id, role, 'v2',
         jsonb_build_object('format', 2, 'parts', jsonb_build_array(jsonb_build_object('type', 'text', 'text', content)))::text,
         created_at at time zone 'UTC', created_at
       from chat_messages`,
    'vacuum analyze',
  ]);
}

export async function runAll(databaseUrl: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Unit vectors with as many digits as an embedding service writes; random, since nothing is searched here. */
export function randomEmbeddings(count: number): number[][] {
  return Array.from({ length: count }, () => {
    const values = Array.from({ length: SIZES.dimensions }, () => Math.random() - 0.5);
    const norm = Math.hypot(...values);
    return values.map((value) => Number((value / norm).toPrecision(8)));
  });
}
