import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import type { VectorBody } from '../../src/repositories/vectors.js';
import {
  aChat,
  aMessage,
  anEmbedding,
  aVector,
  createUserWithChat,
  failure,
  must,
} from '../support/builders.js';
import { allPages, everything, ids, query } from './repositories.js';
import { embeddingOf } from './repositories-messages.js';

export function vectorsContract(store: () => MacroStore): void {
  const insert = ({ userId, chatId }: Chat, body: Partial<VectorBody> = {}) =>
    store().vectors.insert({ userId, ...aVector({ chatId, ...body }) });
  const records = async ({ userId, chatId }: Chat) =>
    (await must(store().vectors.list({ userId, chatId, limit: 1_000 }))).items;

  describe('vectors.insert', () => {
    it('gives the id of the stored vector', async () => {
      const chat = await createUserWithChat(store());
      const embedding = anEmbedding(1);
      const id = await must(insert(chat, { content: 'A piece', embedding, metadata: { page: 3 } }));
      const [record] = await records(chat);
      expect(record).toEqual({
        id,
        ...chat,
        messageId: null,
        content: 'A piece',
        metadata: { page: 3 },
        createdAt: expect.any(Date),
        updatedAt: record?.createdAt,
        model: null,
      });
      expect(await embeddingOf(store(), id)).toEqual([...embedding]);
    });

    it('takes numbers and Float32Array alike, also a view into a larger buffer', async () => {
      const chat = await createUserWithChat(store());
      const embedding = anEmbedding(1);
      const view = new Float32Array([9, ...embedding, 9]).subarray(1, -1);
      for (const form of [embedding, [...embedding], view]) {
        const id = await must(insert(chat, { embedding: form }));
        expect(await embeddingOf(store(), id)).toEqual([...embedding]);
      }
    });

    it('replaces a vector of the same user with the same id', async () => {
      const chat = await createUserWithChat(store());
      const { id: otherChat } = await must(store().chats.create(aChat({ userId: chat.userId })));
      const { id: messageId } = await must(store().messages.append({ ...chat, ...aMessage() }));
      const id = await must(insert(chat, { messageId, metadata: { a: 1 } }));
      await query(store(), sql`update chat_vectors set updated_at = '2026-01-01', created_at = '2026-01-01'`);
      const moved = { userId: chat.userId, chatId: otherChat };
      expect(await must(insert(moved, { id, content: 'New', embedding: anEmbedding(2) }))).toBe(id);
      expect(await records(chat)).toEqual([]);
      const [record] = await records(moved);
      expect(record).toMatchObject({ id, ...moved, messageId: null, content: 'New', metadata: null });
      expect(record?.createdAt).toEqual(new Date('2026-01-01T00:00:00Z'));
      expect(record?.updatedAt.getTime()).toBeGreaterThan(new Date('2026-01-02').getTime());
      expect(await embeddingOf(store(), id)).toEqual([...anEmbedding(2)]);
    });

    it("reports an id of another user's vector as a conflict, and leaves that vector alone", async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const id = await must(insert(other));
      const before = await everything(store());
      const error = await failure(insert(chat, { id }));
      expect(error).toMatchObject({ kind: 'conflict', constraint: 'chat_vectors_pkey' });
      expect(await everything(store())).toEqual(before);
    });

    it("reports another user's and an unknown chat", async () => {
      const [{ userId }, { chatId }] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const before = await everything(store());
      for (const target of [chatId, randomUUID()]) {
        const error = await failure(insert({ userId, chatId: target }));
        expect(error).toMatchObject({ kind: 'not-found', entity: 'chat', operation: 'vectors.insert' });
      }
      expect(await everything(store())).toEqual(before);
    });

    it('reports a message of another user, of another chat of the user, and an unknown one', async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const { id: secondChat } = await must(store().chats.create(aChat({ userId: chat.userId })));
      const second = { userId: chat.userId, chatId: secondChat };
      const foreign = await must(store().messages.append({ ...other, ...aMessage() }));
      const inSecond = await must(store().messages.append({ ...second, ...aMessage() }));
      const before = await everything(store());
      for (const messageId of [foreign.id, inSecond.id, randomUUID()]) {
        const error = await failure(insert(chat, { messageId }));
        expect(error).toMatchObject({ kind: 'not-found', entity: 'message' });
      }
      expect(await everything(store())).toEqual(before);
    });

    it('gives an id in lower case', async () => {
      const chat = await createUserWithChat(store());
      const id = randomUUID();
      expect(await must(insert(chat, { id: id.toUpperCase() }))).toBe(id);
    });
  });

  describe('vectors.insertMany', () => {
    const insertMany = (userId: string, vectors: readonly VectorBody[]) =>
      store().vectors.insertMany({ userId, vectors });

    it('gives the ids in the order of the input, and keeps the rows apart', async () => {
      const { userId, chatId } = await createUserWithChat(store());
      const { id: messageId } = await must(store().messages.append({ userId, chatId, ...aMessage() }));
      const vectors = Array.from({ length: 200 }, (_, index) =>
        aVector({
          chatId,
          content: `text ${index}, {"quoted"}`,
          embedding: anEmbedding(index + 1),
          messageId: index % 2 === 0 ? messageId : null,
          metadata: index % 3 === 0 ? null : { index },
        }),
      );
      const given = await must(insertMany(userId, vectors));
      const stored = new Map((await records({ userId, chatId })).map((record) => [record.id, record]));
      expect(stored.size).toBe(200);
      for (const [index, id] of given.entries()) {
        const { embedding, ...rest } = vectors[index] ?? aVector({ chatId });
        expect(stored.get(id)).toMatchObject({ ...rest, id });
        if (index % 40 === 0) expect(await embeddingOf(store(), id)).toEqual([...embedding]);
      }
    });

    it('inserts and replaces in one batch', async () => {
      const chat = await createUserWithChat(store());
      const id = await must(insert(chat, { content: 'old' }));
      const { chatId } = chat;
      const batch = [aVector({ chatId, id, content: 'new' }), aVector({ chatId, content: 'added' })];
      expect((await must(insertMany(chat.userId, batch)))[0]).toBe(id);
      expect((await records(chat)).map(({ content }) => content).sort()).toEqual(['added', 'new']);
    });

    it('inserts nothing where one row is refused', async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const foreignVector = await must(insert(other));
      const foreignMessage = await must(store().messages.append({ ...other, ...aMessage() }));
      const { chatId } = chat;
      const before = await everything(store());
      const bad: [VectorBody, object][] = [
        [aVector({ chatId, id: foreignVector }), { kind: 'conflict', constraint: 'chat_vectors_pkey' }],
        [aVector({ chatId, messageId: foreignMessage.id }), { kind: 'not-found', entity: 'message' }],
        [aVector({ chatId: other.chatId }), { kind: 'not-found', entity: 'chat' }],
      ];
      for (const [row, expected] of bad) {
        const error = await failure(insertMany(chat.userId, [aVector({ chatId }), row, aVector({ chatId })]));
        expect(error).toMatchObject(expected);
      }
      expect(await everything(store())).toEqual(before);
    });

    it('refuses an id twice, whatever its case, an empty batch and more than 100,000 vectors', async () => {
      const { userId, chatId } = await createUserWithChat(store());
      const id = randomUUID();
      const twice = [aVector({ chatId, id }), aVector({ chatId, id: id.toUpperCase() })];
      const many = Array.from({ length: 100_001 }, () => aVector({ chatId }));
      for (const vectors of [twice, [], many]) {
        const error = await failure(insertMany(userId, vectors));
        expect(error).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'vectors' }] });
      }
    });

    it('names the embedding that does not fit', async () => {
      const { userId, chatId } = await createUserWithChat(store());
      const short = await failure(
        insertMany(userId, [aVector({ chatId }), aVector({ chatId, embedding: [1, 2] })]),
      );
      expect(short).toMatchObject({ kind: 'dimension-mismatch', expected: 8, actual: 2 });
      expect(short.message).toContain('vectors.1.embedding');
    });
  });

  describe('vectors.findByMessage', () => {
    it('gives the vectors of the message by id, to its user only', async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const { id: messageId } = await must(store().messages.append({ ...chat, ...aMessage() }));
      const given = [await must(insert(chat, { messageId })), await must(insert(chat, { messageId }))];
      await must(insert(chat));
      const find = (userId: string) => must(store().vectors.findByMessage({ userId, messageId }));
      expect(ids(await find(chat.userId))).toEqual([...given].sort());
      expect(await find(other.userId)).toEqual([]);
    });
  });

  describe('vectors.list', () => {
    it('gives every vector once, chat by chat, also while vectors are added', async () => {
      const chat = await createUserWithChat(store());
      const chats = [chat.chatId];
      for (let index = 0; index < 4; index += 1) {
        chats.push((await must(store().chats.create(aChat({ userId: chat.userId })))).id);
      }
      for (const chatId of chats) {
        const vectors = Array.from({ length: 6 }, () => aVector({ chatId, id: randomUUID() }));
        await must(store().vectors.insertMany({ userId: chat.userId, vectors }));
      }
      const { items } = await must(store().vectors.list({ userId: chat.userId }));
      expect(items.map(key)).toEqual(items.map(key).sort());
      for (const limit of [1, 4, 6, 30]) {
        const seen = await allPages((cursor) =>
          store().vectors.list({ userId: chat.userId, limit, ...(cursor === undefined ? {} : { cursor }) }),
        );
        expect(seen).toEqual(items);
      }
      const seen = ids(
        await allPages(
          (cursor) =>
            store().vectors.list({
              userId: chat.userId,
              limit: 7,
              ...(cursor === undefined ? {} : { cursor }),
            }),
          async () => {
            for (const chatId of chats) await must(insert({ ...chat, chatId }, { id: randomUUID() }));
          },
        ),
      );
      expect(seen).toEqual([...new Set(seen)]);
      expect(seen.filter((id) => ids(items).includes(id))).toEqual(ids(items));
    });

    it('stays with the chat where one is given', async () => {
      const chat = await createUserWithChat(store());
      const { id: otherChat } = await must(store().chats.create(aChat({ userId: chat.userId })));
      const mine = [await must(insert(chat)), await must(insert(chat)), await must(insert(chat))];
      await must(insert({ ...chat, chatId: otherChat }));
      const seen = await allPages((cursor) =>
        store().vectors.list({ ...chat, limit: 2, ...(cursor === undefined ? {} : { cursor }) }),
      );
      expect(ids(seen)).toEqual([...mine].sort());
    });

    it('gives no embedding', async () => {
      const chat = await createUserWithChat(store());
      await must(insert(chat));
      const [record] = await records(chat);
      expect(record).not.toHaveProperty('embedding');
      expect(record).not.toHaveProperty('embeddingCode');
    });
  });

  describe('vectors.count', () => {
    it('counts the user, or one chat', async () => {
      const chat = await createUserWithChat(store());
      const { id: otherChat } = await must(store().chats.create(aChat({ userId: chat.userId })));
      await must(insert(chat));
      await must(insert(chat));
      await must(insert({ ...chat, chatId: otherChat }));
      const stranger = await createUserWithChat(store());
      expect(await must(store().vectors.count({ userId: chat.userId }))).toBe(3);
      expect(await must(store().vectors.count(chat))).toBe(2);
      expect(await must(store().vectors.count({ userId: stranger.userId }))).toBe(0);
      expect(await must(store().vectors.count({ ...stranger, chatId: chat.chatId }))).toBe(0);
    });
  });

  describe('vectors.delete, deleteByMessage and deleteByChat', () => {
    it('delete what they name, and tell how much', async () => {
      const chat = await createUserWithChat(store());
      const { id: otherChat } = await must(store().chats.create(aChat({ userId: chat.userId })));
      const { id: messageId } = await must(store().messages.append({ ...chat, ...aMessage() }));
      const single = await must(insert(chat));
      await must(insert(chat, { messageId }));
      await must(insert(chat, { messageId }));
      await must(insert(chat));
      await must(insert({ ...chat, chatId: otherChat }));
      const { userId, chatId } = chat;
      expect(await must(store().vectors.delete({ userId, vectorId: single }))).toBe(true);
      expect(await must(store().vectors.delete({ userId, vectorId: single }))).toBe(false);
      expect(await must(store().vectors.deleteByMessage({ userId, messageId }))).toBe(2);
      expect(await must(store().vectors.deleteByMessage({ userId, messageId }))).toBe(0);
      expect(await must(store().vectors.deleteByChat({ userId, chatId }))).toBe(1);
      expect(await must(store().vectors.count({ userId }))).toBe(1);
    });

    it("delete nothing of another user's", async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const { id: messageId } = await must(
        store().messages.append({ ...other, ...aMessage({ embedding: anEmbedding(1) }) }),
      );
      const vectorId = await must(insert(other));
      const before = await everything(store());
      const { userId } = chat;
      expect(await must(store().vectors.delete({ userId, vectorId }))).toBe(false);
      expect(await must(store().vectors.deleteByMessage({ userId, messageId }))).toBe(0);
      expect(await must(store().vectors.deleteByChat({ userId, chatId: other.chatId }))).toBe(0);
      expect(await everything(store())).toEqual(before);
    });
  });
}

interface Chat {
  readonly userId: string;
  readonly chatId: string;
}

const key = ({ chatId, id }: { chatId: string; id: string }) => `${chatId} ${id}`;
