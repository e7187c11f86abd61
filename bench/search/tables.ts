import pg from 'pg';
import { encodeVectorArrayBinary } from '../../src/database/vector-wire.js';
import type { PlacedRow, Placement } from './placement.js';

const BATCH = 500;
const HNSW = 'using hnsw (embedding vector_cosine_ops) with (m = 16, ef_construction = 64)';

/** How vectors are put into the table: as they are, or lifted. */
export type Shape = (embedding: Float32Array) => Float32Array;

/** A connection to a database in which index builds have memory enough, whoever starts them. */
export async function connectOwner(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`do $$ begin
    execute format('alter database %I set maintenance_work_mem = ''1GB'' ', current_database());
  end $$`);
  await client.query(`set maintenance_work_mem = '1GB'`);
  return client;
}

export async function insertOwners(client: pg.Client, { rows }: Placement): Promise<void> {
  const users = [...new Set(rows.map((row) => row.userId))];
  const chats = new Map(rows.map((row) => [row.chatId, row.userId]));
  await client.query(
    `insert into users (id, email) select id, id || '@example.com' from unnest($1::uuid[]) as id`,
    [users],
  );
  await client.query(
    `insert into chats (id, user_id, title) select id, user_id, 'A chat' from unnest($1::uuid[], $2::uuid[]) as c (id, user_id)`,
    [[...chats.keys()], [...chats.values()]],
  );
}

/** In the given order, which becomes their order on disk. */
export async function insertRows(client: pg.Client, rows: readonly PlacedRow[], shape: Shape): Promise<void> {
  const { rows: types } = await client.query<{ oid: number }>(`select 'vector'::regtype::oid::int as oid`);
  for (let start = 0; start < rows.length; start += BATCH) {
    const batch = rows.slice(start, start + BATCH);
    await client.query(
      `insert into chat_vectors (id, user_id, chat_id, content, metadata, embedding)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::jsonb[], $6::vector[])`,
      [
        batch.map(({ id }) => id),
        batch.map(({ userId }) => userId),
        batch.map(({ chatId }) => chatId),
        batch.map(({ turn }) => turn.text),
        batch.map(({ turn }) => JSON.stringify({ role: turn.role, turn: turn.turn })),
        encodeVectorArrayBinary(
          batch.map(({ turn }) => shape(turn.embedding)),
          types[0]?.oid ?? 0,
        ),
      ],
    );
  }
}

/** Without autovacuum: what the planner knows, and what is still dead, is for the suite to decide. */
export async function freezeStatistics(client: pg.Client): Promise<void> {
  await client.query('alter table chat_vectors set (autovacuum_enabled = false)');
}

export async function buildHnsw(client: pg.Client): Promise<void> {
  await client.query(`create index idx_chat_vectors_embedding_hnsw on chat_vectors ${HNSW}`);
}

/** The table as the ADR has it: default storage, a btree on the user, HNSW. */
export async function copyToAdr(client: pg.Client): Promise<void> {
  await client.query(
    `create table adr_chat_vectors (
       id uuid primary key, user_id uuid not null, chat_id uuid not null, message_id uuid, content text not null,
       embedding vector(1536) not null, metadata jsonb, created_at timestamp not null default now())`,
  );
  await client.query(
    `insert into adr_chat_vectors (id, user_id, chat_id, content, embedding, metadata)
       select id, user_id, chat_id, content, embedding, metadata from chat_vectors`,
  );
  await client.query('create index on adr_chat_vectors (user_id)');
  await client.query(`create index on adr_chat_vectors ${HNSW}`);
  await client.query('vacuum analyze adr_chat_vectors');
}

/** Into a table that LangChain made: user and chat are metadata there. */
export async function copyToLangChain(client: pg.Client, table: string): Promise<void> {
  await client.query(
    `insert into ${table} (id, text, metadata, embedding)
       select id, content, metadata || jsonb_build_object('user_id', user_id, 'chat_id', chat_id), embedding from chat_vectors`,
  );
  await client.query(`vacuum analyze ${table}`);
}

/** Into a table that Mastra made; the text is metadata there, too. */
export async function copyToMastra(client: pg.Client, table: string): Promise<void> {
  await client.query(
    `insert into ${table} (vector_id, metadata, embedding)
       select id, metadata || jsonb_build_object('user_id', user_id, 'chat_id', chat_id, 'text', content), embedding from chat_vectors`,
  );
  await client.query(`vacuum analyze ${table}`);
}
