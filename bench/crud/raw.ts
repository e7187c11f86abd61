import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { encodeVectorArrayBinary } from '../../src/database/vector-wire.js';
import type { Chat, Message, User } from '../../src/index.js';
import { openPool } from '../harness/pool.js';
import { is, replay, type SentStatement, type Slots } from '../harness/sent-statements.js';
import type { NewRow, Scope, VectorBatch } from './ways.js';

/** What the store was asked while it was watched; its statements are sent again with other values. */
export interface Samples {
  readonly userId: string;
  readonly chat: Scope;
  readonly message: NewRow;
  readonly batch: VectorBatch;
  readonly pageSizes: { readonly messages: number; readonly chats: number };
}

/**
 * The floor: the statements that the store sends, word for word, sent by nothing but pg, under a name too.
 * Whatever the store takes longer than this is the store's.
 */
export async function openRaw(
  sent: readonly SentStatement[],
  samples: Samples,
  databaseUrl: string,
  poolSize: number,
) {
  const pool = openPool(databaseUrl, poolSize, { options: '-c jit=off' });
  const { rows: types } = await pool.query<{ oid: number }>(`select 'vector'::regtype::oid::int as oid`);
  const vectorOid = types[0]?.oid ?? 0;

  const statement = <Slot extends string>(name: string, slots: Slots<Slot>) => {
    const original = sent.findLast((one) => one.name === name);
    if (original === undefined) throw new Error(`the store has not sent ${name}`);
    const send = replay(original, slots);
    return <Row extends pg.QueryResultRow>(given: Record<Slot, unknown>) => send<Row>(pool, given);
  };

  const { chat, message, batch, pageSizes } = samples;
  const selectUser = statement('users.findById', { id: is(samples.userId) });
  const selectMessages = statement(`messages.list#newest#${pageSizes.messages + 1}`, {
    chatId: is(chat.chatId),
    userId: is(chat.userId),
  });
  const selectChats = statement(`chats.list#${pageSizes.chats + 1}`, { userId: is(samples.userId) });
  const insertMessage = statement('messages.append', {
    userId: is(message.userId),
    chatId: is(message.chatId),
    role: is(message.role),
    content: is(message.content),
    id: isUuid,
  });
  const insertVectors = statement('vectors.insertMany', {
    userId: is(batch.userId),
    chatIds: is(batch.rows.map(({ chatId }) => chatId)),
    contents: is(batch.rows.map(({ content }) => content)),
    ids: (value) => Array.isArray(value) && isUuid(value[0]),
    embeddings: Buffer.isBuffer,
  });

  return {
    getUser: async (id: string) => {
      const [row] = await selectUser<User>({ id });
      if (row === undefined) throw new Error('no such user');
      return row;
    },
    listMessages: async ({ userId, chatId }: Scope, limit: number) =>
      (await selectMessages<Message>({ userId, chatId })).slice(0, limit),
    listChats: async (userId: string, limit: number) => (await selectChats<Chat>({ userId })).slice(0, limit),
    append: async (row: NewRow) => {
      const [created] = await insertMessage<Message>({ ...row, id: uuidv7() });
      if (created === undefined) throw new Error('no such chat');
      return created;
    },
    insertVectors: async ({ userId, rows }: VectorBatch) => {
      const ids = rows.map(() => uuidv7());
      await insertVectors({
        userId,
        ids,
        chatIds: rows.map(({ chatId }) => chatId),
        contents: rows.map(({ content }) => content),
        embeddings: encodeVectorArrayBinary(
          rows.map(({ embedding }) => embedding),
          vectorOid,
        ),
      });
      return ids;
    },
    close: () => pool.end(),
  };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
const isUuid = (value: unknown) => typeof value === 'string' && UUID.test(value);
