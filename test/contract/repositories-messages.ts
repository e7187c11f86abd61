import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import type { MessageBody } from '../../src/repositories/messages.js';
import {
  aChat,
  aMessage,
  anEmbedding,
  appendAll,
  aVector,
  createUserWithChat,
  failure,
  must,
} from '../support/builders.js';
import { allPages, everything, ids, query } from './repositories.js';

export function messagesContract(store: () => MacroStore): void {
  const append = (chat: Chat, body: Partial<MessageBody> = {}) =>
    store().messages.append({ ...chat, ...aMessage(body) });

  describe('messages.append', () => {
    it('gives the stored message', async () => {
      const chat = await createUserWithChat(store());
      const message = await must(append(chat, { role: 'assistant', content: 'Hi', metadata: { tokens: 3 } }));
      expect(message).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{14}7/),
        ...chat,
        role: 'assistant',
        content: 'Hi',
        metadata: { tokens: 3 },
        createdAt: expect.any(Date),
      });
      expect(await must(store().messages.findById({ ...chat, messageId: message.id }))).toEqual(message);
    });

    it('takes every role, and an empty text', async () => {
      const chat = await createUserWithChat(store());
      for (const role of ['user', 'assistant', 'system', 'tool'] as const) {
        expect(await must(append(chat, { role, content: '' }))).toMatchObject({
          role,
          content: '',
          metadata: null,
        });
      }
    });

    it('takes a text larger than what the full-text index reads', async () => {
      const chat = await createUserWithChat(store());
      const content = 'word '.repeat(60_000);
      expect((await must(append(chat, { content }))).content).toBe(content);
    });

    it('moves its chat to the front', async () => {
      const chat = await createUserWithChat(store());
      await ageChat(store(), chat);
      const { createdAt } = await must(append(chat));
      expect((await must(store().chats.getById(chat))).updatedAt).toEqual(createdAt);
    });

    it('gives the stored message for the same id, role and content again, and writes nothing', async () => {
      const chat = await createUserWithChat(store());
      const body = aMessage({ id: randomUUID(), metadata: { n: 1 }, embedding: anEmbedding(1) });
      const first = await must(append(chat, body));
      const before = await everything(store());
      expect(await must(append(chat, body))).toEqual(first);
      expect(await everything(store())).toEqual(before);
    });

    it('reports another content under the same id as a conflict, and leaves the chat where it was', async () => {
      const chat = await createUserWithChat(store());
      const { id } = await must(append(chat, { content: 'one' }));
      await ageChat(store(), chat);
      const before = await everything(store());
      for (const body of [{ content: 'two' }, { content: 'one', role: 'tool' } as const]) {
        const error = await failure(append(chat, { id, ...body }));
        expect(error).toMatchObject({ kind: 'conflict', constraint: 'chat_messages_pkey' });
      }
      const error = await failure(append(chat, { id, content: 'two', embedding: anEmbedding(1) }));
      expect(error).toMatchObject({ kind: 'conflict', constraint: 'chat_messages_pkey' });
      expect(await everything(store())).toEqual(before);
    });

    it('reports an id that stands in another chat as a conflict', async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const { id } = await must(append(other));
      expect(await failure(append(chat, { id }))).toMatchObject({ kind: 'conflict' });
      const { id: chatId } = await must(store().chats.create(aChat({ userId: other.userId })));
      const sameUser = { userId: other.userId, chatId };
      expect(await failure(append(sameUser, { id }))).toMatchObject({ kind: 'conflict' });
    });

    it("writes nothing into another user's or an unknown chat", async () => {
      const [{ chatId }, { userId }] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const before = await everything(store());
      for (const target of [
        { userId, chatId },
        { userId, chatId: randomUUID() },
      ]) {
        for (const body of [{}, { embedding: anEmbedding(1) }]) {
          const error = await failure(append(target, body));
          expect(error).toMatchObject({ kind: 'not-found', entity: 'chat', operation: 'messages.append' });
        }
      }
      expect(await everything(store())).toEqual(before);
    });

    it('writes the vector of its embedding with it', async () => {
      const chat = await createUserWithChat(store());
      const embedding = anEmbedding(7);
      const message = await must(append(chat, { content: 'With', metadata: { n: 1 }, embedding }));
      const vectors = await must(
        store().vectors.findByMessage({ userId: chat.userId, messageId: message.id }),
      );
      expect(vectors).toMatchObject([
        { ...chat, messageId: message.id, content: 'With', metadata: { n: 1 } },
      ]);
      expect(await embeddingOf(store(), vectors[0]?.id)).toEqual([...embedding]);
    });

    it('lets twenty callers append to one chat at once', async () => {
      const chat = await createUserWithChat(store());
      const appended = await Promise.all(
        Array.from({ length: 20 }, (_, index) => must(append(chat, { content: `${index}` }))),
      );
      expect(new Set(ids(appended)).size).toBe(20);
      expect(await must(store().messages.history(chat))).toHaveLength(20);
    });

    it('gives one message to ten callers with the same id', async () => {
      const chat = await createUserWithChat(store());
      const id = randomUUID();
      const results = await Promise.all(Array.from({ length: 10 }, () => must(append(chat, { id }))));
      expect(new Set(results.map((message) => JSON.stringify(message))).size).toBe(1);
      expect(await must(store().messages.history(chat))).toHaveLength(1);
    });
  });

  describe('messages.appendMany', () => {
    it('gives the messages in the order of the input, which is that of reading', async () => {
      const chat = await createUserWithChat(store());
      const contents = Array.from({ length: 100 }, (_, index) => `text ${index}`);
      const messages = await appendAll(store(), chat, contents);
      expect(messages.map(({ content }) => content)).toEqual(contents);
      expect(await must(store().messages.history({ ...chat, limit: 200 }))).toEqual(messages);
    });

    it('keeps roles, metadata and embeddings apart', async () => {
      const chat = await createUserWithChat(store());
      const [first, second, third] = await must(
        store().messages.appendMany({
          ...chat,
          messages: [
            aMessage({ metadata: { n: 1 } }),
            aMessage({ role: 'tool', content: 'b', embedding: anEmbedding(2), metadata: { q: '"\\,{}' } }),
            aMessage({ content: 'NULL', embedding: [...anEmbedding(3)] }),
          ],
        }),
      );
      expect(first).toMatchObject({ role: 'user', metadata: { n: 1 } });
      expect(second).toMatchObject({ role: 'tool', content: 'b', metadata: { q: '"\\,{}' } });
      expect(third).toMatchObject({ content: 'NULL', metadata: null });
      const vectorsOf = (messageId = '') =>
        must(store().vectors.findByMessage({ userId: chat.userId, messageId }));
      expect(await vectorsOf(first?.id)).toEqual([]);
      const [vector] = await vectorsOf(second?.id);
      expect(vector).toMatchObject({ content: 'b', metadata: { q: '"\\,{}' } });
      expect(await embeddingOf(store(), vector?.id)).toEqual([...anEmbedding(2)]);
      const [last] = await vectorsOf(third?.id);
      expect(await embeddingOf(store(), last?.id)).toEqual([...anEmbedding(3)]);
    });

    it('gives the same rows to the same batch again, and adds no vector', async () => {
      const chat = await createUserWithChat(store());
      const messages = [1, 2, 3].map((seed) =>
        aMessage({ id: randomUUID(), content: `${seed}`, embedding: anEmbedding(seed) }),
      );
      const first = await must(store().messages.appendMany({ ...chat, messages }));
      expect(await must(store().messages.appendMany({ ...chat, messages }))).toEqual(first);
      expect(await must(store().vectors.count(chat))).toBe(3);
    });

    it('adds what is missing of a batch of which a part is there', async () => {
      const chat = await createUserWithChat(store());
      const messages = ['a', 'b', 'c'].map((content) => aMessage({ id: randomUUID(), content }));
      await must(append(chat, messages[1]));
      const stored = await must(store().messages.appendMany({ ...chat, messages }));
      expect(ids(stored)).toEqual(messages.map(({ id }) => id));
      expect(await must(store().messages.history(chat))).toHaveLength(3);
    });

    it('inserts nothing and touches nothing where one row clashes', async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const taken = [await must(append(chat, { content: 'mine' })), await must(append(other))];
      await ageChat(store(), chat);
      const before = await everything(store());
      for (const { id } of taken) {
        for (const embedding of [undefined, anEmbedding(1)]) {
          const fresh = aMessage(embedding === undefined ? {} : { embedding });
          const messages = [fresh, aMessage({ id, content: 'another' }), aMessage()];
          const error = await failure(store().messages.appendMany({ ...chat, messages }));
          expect(error).toMatchObject({ kind: 'conflict', constraint: 'chat_messages_pkey' });
        }
      }
      expect(await everything(store())).toEqual(before);
    });

    it("writes nothing into another user's chat", async () => {
      const [{ chatId }, { userId }] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const before = await everything(store());
      for (const body of [{}, { embedding: anEmbedding(1) }]) {
        const error = await failure(
          store().messages.appendMany({ userId, chatId, messages: [aMessage(body)] }),
        );
        expect(error).toMatchObject({ kind: 'not-found', entity: 'chat', operation: 'messages.appendMany' });
      }
      expect(await everything(store())).toEqual(before);
    });

    it('refuses an id twice, whatever its case, and more than 1,000 messages', async () => {
      const chat = await createUserWithChat(store());
      const id = randomUUID();
      const twice = [aMessage({ id }), aMessage({ id: id.toUpperCase() })];
      for (const messages of [twice, [], Array.from({ length: 1_001 }, () => aMessage())]) {
        const error = await failure(store().messages.appendMany({ ...chat, messages }));
        expect(error).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'messages' }] });
      }
    });

    it('takes 1,000 messages', async () => {
      const chat = await createUserWithChat(store());
      expect(
        await appendAll(
          store(),
          chat,
          Array.from({ length: 1_000 }, () => 'x'),
        ),
      ).toHaveLength(1_000);
    });

    it('gives one set of rows to five callers with the same batch', async () => {
      const chat = await createUserWithChat(store());
      const messages = ['a', 'b'].map((content) => aMessage({ id: randomUUID(), content }));
      const batches = await Promise.all(
        Array.from({ length: 5 }, () => must(store().messages.appendMany({ ...chat, messages }))),
      );
      expect(new Set(batches.map((batch) => JSON.stringify(batch))).size).toBe(1);
    });
  });

  describe('messages.findById', () => {
    it('takes a message of another user or chat for none', async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const { id: messageId } = await must(append(other));
      const { id: emptyChat } = await must(store().chats.create(aChat({ userId: other.userId })));
      const find = (scope: Chat) => must(store().messages.findById({ ...scope, messageId }));
      expect(await find(chat)).toBeNull();
      expect(await find({ userId: chat.userId, chatId: other.chatId })).toBeNull();
      expect(await find({ userId: other.userId, chatId: emptyChat })).toBeNull();
      expect(await find(other)).toMatchObject({ id: messageId });
    });
  });

  describe.each(['newest-first', 'oldest-first'] as const)('messages.list, %s', (order) => {
    const page = (chat: Chat, limit: number, cursor?: string) =>
      store().messages.list({ ...chat, order, limit, ...(cursor === undefined ? {} : { cursor }) });

    it('breaks timestamp ties by id and gives every message once, whatever the page size', async () => {
      const chat = await createUserWithChat(store());
      await insertAt(store(), chat, ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.001Z'], 30);
      const { items } = await must(page(chat, 200));
      expect(items).toHaveLength(60);
      const inOrder = [...items].sort(
        (a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1),
      );
      expect(ids(items)).toEqual(ids(order === 'oldest-first' ? inOrder : inOrder.reverse()));
      for (const limit of [1, 7, 30, 59, 60, 61]) {
        expect(await allPages((cursor) => page(chat, limit, cursor))).toEqual(items);
      }
    });

    it('misses and repeats nothing while messages are added at both ends and between pages', async () => {
      const chat = await createUserWithChat(store());
      await insertAt(store(), chat, ['2026-01-01T00:00:00Z'], 40);
      const before = ids((await must(page(chat, 200))).items);
      const seen = ids(
        await allPages(
          (cursor) => page(chat, 7, cursor),
          () =>
            // Two of them share the time of the rows being read, and fall before or behind the cursor by id.
            insertAt(
              store(),
              chat,
              [
                '2025-01-01T00:00:00Z',
                '2026-01-01T00:00:00Z',
                '2026-01-01T00:00:00Z',
                '2027-01-01T00:00:00Z',
              ],
              1,
            ),
        ),
      );
      expect(seen).toEqual([...new Set(seen)]);
      expect(seen.filter((id) => before.includes(id))).toEqual(before);
    });

    it('goes on from a message that was deleted meanwhile', async () => {
      const chat = await createUserWithChat(store());
      await insertAt(store(), chat, ['2026-01-01T00:00:00Z'], 6);
      const all = ids((await must(page(chat, 200))).items);
      const first = await must(page(chat, 3));
      await must(store().messages.delete({ ...chat, messageId: all[2] ?? '' }));
      const second = await must(page(chat, 3, first.nextCursor ?? ''));
      expect(ids(second.items)).toEqual(all.slice(3));
    });

    it("gives an empty page for an unknown chat and for another user's", async () => {
      const { chatId, userId } = await createUserWithChat(store());
      await must(append({ userId, chatId }));
      const other = await createUserWithChat(store());
      const empty = { items: [], nextCursor: null };
      expect(await must(page({ userId: other.userId, chatId }, 10))).toEqual(empty);
      expect(await must(page({ userId, chatId: randomUUID() }, 10))).toEqual(empty);
    });

    it('gives 50 messages where no limit is asked for', async () => {
      const chat = await createUserWithChat(store());
      await appendAll(
        store(),
        chat,
        Array.from({ length: 51 }, () => 'x'),
      );
      expect((await must(store().messages.list({ ...chat, order }))).items).toHaveLength(50);
    });
  });

  describe('messages.list', () => {
    it('is newest-first where no order is asked for', async () => {
      const chat = await createUserWithChat(store());
      const messages = await appendAll(store(), chat, ['a', 'b', 'c']);
      expect((await must(store().messages.list(chat))).items).toEqual([...messages].reverse());
    });
  });

  describe('messages.history', () => {
    it('gives the last messages in reading order', async () => {
      const chat = await createUserWithChat(store());
      await insertAt(store(), chat, ['2026-01-01T00:00:00Z'], 5);
      const late = await appendAll(store(), chat, ['a', 'b', 'c']);
      expect(await must(store().messages.history({ ...chat, limit: 3 }))).toEqual(late);
      const all = (await must(store().messages.list({ ...chat, order: 'oldest-first' }))).items;
      expect(await must(store().messages.history(chat))).toEqual(all);
      expect(await must(store().messages.history({ ...chat, limit: 6 }))).toEqual(all.slice(-6));
    });

    it("gives nothing of another user's chat", async () => {
      const chat = await createUserWithChat(store());
      await must(append(chat));
      const { userId } = await createUserWithChat(store());
      expect(await must(store().messages.history({ userId, chatId: chat.chatId }))).toEqual([]);
    });
  });

  describe('messages.update', () => {
    const vectorsOf = (chat: Chat, messageId: string) =>
      must(store().vectors.findByMessage({ userId: chat.userId, messageId }));

    it('changes metadata alone, and keeps content and vectors', async () => {
      const chat = await createUserWithChat(store());
      const message = await must(append(chat, { metadata: { a: 1 }, embedding: anEmbedding(1) }));
      const ref = { ...chat, messageId: message.id };
      const changed = await must(store().messages.update({ ...ref, metadata: { b: 2 } }));
      expect(changed).toEqual({ ...message, metadata: { b: 2 } });
      expect(await vectorsOf(chat, message.id)).toHaveLength(1);
      expect(await must(store().messages.update({ ...ref, metadata: null }))).toMatchObject({
        metadata: null,
      });
    });

    it('deletes every vector of a message that gets a new content', async () => {
      const chat = await createUserWithChat(store());
      const message = await must(append(chat, { metadata: { a: 1 }, embedding: anEmbedding(1) }));
      await must(
        store().vectors.insert({ userId: chat.userId, ...aVector({ ...chat, messageId: message.id }) }),
      );
      const changed = await must(
        store().messages.update({ ...chat, messageId: message.id, content: 'Another' }),
      );
      expect(changed).toEqual({ ...message, content: 'Another' });
      expect(await vectorsOf(chat, message.id)).toEqual([]);
    });

    it('replaces the vectors by that of the new content', async () => {
      const chat = await createUserWithChat(store());
      const { id: messageId } = await must(append(chat, { metadata: { a: 1 }, embedding: anEmbedding(1) }));
      const embedding = anEmbedding(2);
      await must(store().messages.update({ ...chat, messageId, content: 'Another', embedding }));
      const [vector, ...others] = await vectorsOf(chat, messageId);
      expect(others).toEqual([]);
      expect(vector).toMatchObject({ ...chat, content: 'Another', metadata: { a: 1 } });
      expect(await embeddingOf(store(), vector?.id)).toEqual([...embedding]);
    });

    it('sets a content to the empty text', async () => {
      const chat = await createUserWithChat(store());
      const { id: messageId } = await must(append(chat));
      const changed = await must(store().messages.update({ ...chat, messageId, content: '' }));
      expect(changed.content).toBe('');
    });

    it('refuses an embedding without the content it is of', async () => {
      const chat = await createUserWithChat(store());
      const { id: messageId } = await must(append(chat));
      const error = await failure(store().messages.update({ ...chat, messageId, embedding: anEmbedding(1) }));
      expect(error).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'embedding' }] });
    });

    it("changes nothing of another user's message, nor of one in another chat", async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const { id: messageId } = await must(append(other, { embedding: anEmbedding(1) }));
      const { id: emptyChat } = await must(store().chats.create(aChat({ userId: other.userId })));
      const before = await everything(store());
      const scopes = [chat, { ...chat, chatId: other.chatId }, { userId: other.userId, chatId: emptyChat }];
      for (const scope of scopes) {
        for (const changes of [{}, { embedding: anEmbedding(2) }]) {
          const error = await failure(
            store().messages.update({ ...scope, messageId, content: 'Mine', ...changes }),
          );
          expect(error).toMatchObject({ kind: 'not-found', entity: 'message' });
        }
        expect(await must(store().messages.delete({ ...scope, messageId }))).toBe(false);
      }
      expect(await everything(store())).toEqual(before);
    });
  });

  describe('messages.delete', () => {
    it('takes its vectors along, and tells whether there was one', async () => {
      const chat = await createUserWithChat(store());
      const { id: messageId } = await must(append(chat, { embedding: anEmbedding(1) }));
      await must(append(chat, { embedding: anEmbedding(2) }));
      expect(await must(store().messages.delete({ ...chat, messageId }))).toBe(true);
      expect(await must(store().messages.delete({ ...chat, messageId }))).toBe(false);
      expect(await must(store().messages.findById({ ...chat, messageId }))).toBeNull();
      expect(await must(store().vectors.count(chat))).toBe(1);
    });
  });

  describe('messages.search', () => {
    const search = async (
      userId: string,
      input: Omit<Parameters<MacroStore['messages']['search']>[0], 'userId'>,
    ) => (await must(store().messages.search({ userId, ...input }))).map(({ content }) => content);

    it('finds other forms of the word', async () => {
      const chat = await createUserWithChat(store());
      await appendAll(store(), chat, ['We booked two flights', 'No match', 'A flight at noon']);
      expect((await search(chat.userId, { query: 'flying OR flight' })).sort()).toEqual([
        'A flight at noon',
        'We booked two flights',
      ]);
      expect(await search(chat.userId, { query: 'booking' })).toEqual(['We booked two flights']);
    });

    it('knows words, phrases, or, and not', async () => {
      const chat = await createUserWithChat(store());
      await appendAll(store(), chat, ['red apple', 'apple red', 'green apple', 'red pear']);
      expect((await search(chat.userId, { query: 'red apple' })).sort()).toEqual(['apple red', 'red apple']);
      expect(await search(chat.userId, { query: '"red apple"' })).toEqual(['red apple']);
      expect((await search(chat.userId, { query: 'pear or green' })).sort()).toEqual([
        'green apple',
        'red pear',
      ]);
      expect(await search(chat.userId, { query: 'apple -red' })).toEqual(['green apple']);
    });

    it('reads in the language that was asked for', async () => {
      const chat = await createUserWithChat(store());
      await appendAll(store(), chat, ['Wir haben zwei Häuser gesehen']);
      expect(await search(chat.userId, { query: 'Haus', language: 'german' })).toHaveLength(1);
      expect(await search(chat.userId, { query: 'Haus' })).toEqual([]);
      expect(await search(chat.userId, { query: 'zwei', language: 'simple' })).toHaveLength(1);
      expect(await search(chat.userId, { query: 'gesehe', language: 'simple' })).toEqual([]);
    });

    it('gives the best first, ties newest first, with ranks above 0', async () => {
      const chat = await createUserWithChat(store());
      await appendAll(store(), chat, ['pizza once', 'pizza then pizza and pizza', 'pizza once']);
      const hits = await must(store().messages.search({ userId: chat.userId, query: 'pizza' }));
      expect(hits[0]?.content).toBe('pizza then pizza and pizza');
      const [, second, third] = hits;
      expect(second?.rank).toBe(third?.rank);
      expect(third?.rank).toBeGreaterThan(0);
      expect((second?.id ?? '') > (third?.id ?? '')).toBe(true);
      expect(second).toEqual({
        ...(await must(store().messages.findById({ ...chat, messageId: second?.id ?? '' }))),
        rank: second?.rank,
      });
    });

    it('stays with the user, and with the chat where one is given', async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const { id: secondChat } = await must(store().chats.create(aChat({ userId: chat.userId })));
      await appendAll(store(), chat, ['mine, zebra']);
      await appendAll(store(), { userId: chat.userId, chatId: secondChat }, ['also mine, zebra']);
      await appendAll(store(), other, ['theirs, zebra']);
      for (const language of ['english', 'simple'] as const) {
        expect((await search(chat.userId, { query: 'zebra', language })).sort()).toEqual([
          'also mine, zebra',
          'mine, zebra',
        ]);
        expect(await search(chat.userId, { query: 'zebra', language, chatId: chat.chatId })).toEqual([
          'mine, zebra',
        ]);
        expect(await search(chat.userId, { query: 'zebra', language, chatId: other.chatId })).toEqual([]);
      }
    });

    it('gives 20 hits where no limit is asked for, and as many as asked for', async () => {
      const chat = await createUserWithChat(store());
      await appendAll(
        store(),
        chat,
        Array.from({ length: 25 }, () => 'again'),
      );
      expect(await search(chat.userId, { query: 'again', language: 'simple' })).toHaveLength(20);
      expect(await search(chat.userId, { query: 'again', language: 'simple', limit: 3 })).toHaveLength(3);
      expect(await search(chat.userId, { query: 'again', language: 'simple', limit: 200 })).toHaveLength(25);
    });

    it('finds nothing by stop words alone', async () => {
      const chat = await createUserWithChat(store());
      await appendAll(store(), chat, ['the and of']);
      expect(await search(chat.userId, { query: 'the' })).toEqual([]);
    });
  });
}

interface Chat {
  readonly userId: string;
  readonly chatId: string;
}

/** `perTime` messages with each of the times, their ids in random order. */
const insertAt = (store: MacroStore, { userId, chatId }: Chat, times: readonly string[], perTime: number) =>
  query(
    store,
    sql`insert into chat_messages (user_id, chat_id, role, content, created_at)
      select ${userId}::uuid, ${chatId}::uuid, 'user', 'text', time::timestamptz
      from json_array_elements_text(${JSON.stringify(times)}::json) as time, generate_series(1, ${perTime}::int)`,
  );

const ageChat = (store: MacroStore, { chatId }: Chat) =>
  query(store, sql`update chats set updated_at = '2026-01-01' where id = ${chatId}`);

/** The stored numbers, past the store's own wire format. */
export async function embeddingOf(store: MacroStore, vectorId = ''): Promise<number[]> {
  const [row] = await query<{ embedding: string }>(
    store,
    sql`select embedding::text as embedding from chat_vectors where id = ${vectorId}`,
  );
  return [...new Float32Array(JSON.parse(row?.embedding ?? '[]') as number[])];
}
