import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { encodeVectorArrayBinary } from '../../src/database/vector-wire.js';
import type { Chat, MacroStore, Message, User } from '../../src/index.js';
import type { NewRow, Scope, VectorBatch } from './ways.js';

/**
 * The floor: the statements that the store prepared, word for word, sent by nothing but pg under a name of
 * their own. Whatever the store takes longer than this is the store's.
 */
export async function openRaw(store: MacroStore, databaseUrl: string, poolSize: number) {
  const texts = await preparedBy(store);
  const pool = new pg.Pool({ connectionString: databaseUrl, max: poolSize, options: '-c jit=off' });

  const query = async <Row extends pg.QueryResultRow>(name: string, values: unknown[]): Promise<Row[]> => {
    const text = texts.get(name);
    if (text === undefined) throw new Error(`the store has not prepared ${name}`);
    const client = await pool.connect();
    try {
      return (await client.query<Row>({ name, text, values })).rows;
    } finally {
      client.release();
    }
  };

  const [oidRow] = (await pool.query<{ oid: number }>(`select 'vector'::regtype::oid::int as oid`)).rows;
  const vectorOid = oidRow?.oid ?? 0;
  const before = ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];

  return {
    getUser: async (id: string) => {
      const [row] = await query<User>('users.findById', [id]);
      if (row === undefined) throw new Error('no such user');
      return row;
    },
    listMessages: async ({ userId, chatId }: Scope, limit: number) =>
      (await query<Message>(`messages.list#newest#${limit + 1}`, [chatId, userId, ...before])).slice(
        0,
        limit,
      ),
    listChats: async (userId: string, limit: number) =>
      (await query<Chat>(`chats.list#${limit + 1}`, [userId, ...before, '-infinity'])).slice(0, limit),
    append: async ({ userId, chatId, role, content }: NewRow) => {
      const [row] = await query<Message>('messages.append', [userId, chatId, uuidv7(), role, content, null]);
      if (row === undefined) throw new Error('no such chat');
      return row;
    },
    insertVectors: async ({ userId, rows }: VectorBatch) => {
      const ids = rows.map(() => uuidv7());
      await query('vectors.insertMany', [
        ids,
        rows.map(({ chatId }) => chatId),
        rows.map(() => null),
        rows.map(({ content }) => content),
        rows.map(() => null),
        encodeVectorArrayBinary(
          rows.map(({ embedding }) => embedding),
          vectorOid,
        ),
        userId,
      ]);
      return ids;
    },
    close: () => pool.end(),
  };
}

/** The store's statements by name, as the server knows them. The store has used one connection so far. */
async function preparedBy({ pool }: MacroStore): Promise<ReadonlyMap<string, string>> {
  if (pool === null) throw new Error('an embedded store has no pool');
  const { rows } = await pool.query<{ name: string; statement: string }>(
    'select name, statement from pg_prepared_statements',
  );
  return new Map(rows.map(({ name, statement }) => [name, statement]));
}
