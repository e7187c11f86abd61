import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import {
  aChat,
  aMessage,
  anEmbedding,
  aUser,
  aVector,
  createUserWithChat,
  failure,
  must,
} from '../support/builders.js';
import { allPages, everything, ids, query } from './repositories.js';

export function chatsContract(store: () => MacroStore): void {
  describe('chats.create', () => {
    it('gives the stored chat', async () => {
      const { id: userId } = await must(store().users.create(aUser()));
      const chat = await must(store().chats.create({ userId, title: 'Trip to Rome' }));
      expect(chat).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{14}7/),
        userId,
        title: 'Trip to Rome',
        createdAt: expect.any(Date),
        updatedAt: chat.createdAt,
      });
      expect(await must(store().chats.getById({ userId, chatId: chat.id }))).toEqual(chat);
    });

    it('gives the stored chat unchanged for the same id again', async () => {
      const { id: userId } = await must(store().users.create(aUser()));
      const first = await must(store().chats.create(aChat({ userId, id: randomUUID(), title: 'First' })));
      const again = await must(store().chats.create(aChat({ userId, id: first.id, title: 'Second' })));
      expect(again).toEqual(first);
    });

    it("reports an id of another user's chat as a conflict of chats_pkey, and leaves that chat alone", async () => {
      const other = await createUserWithChat(store(), 'Theirs');
      const { id: userId } = await must(store().users.create(aUser()));
      const error = await failure(store().chats.create(aChat({ userId, id: other.chatId, title: 'Mine' })));
      expect(error).toMatchObject({ kind: 'conflict', constraint: 'chats_pkey' });
      expect(await must(store().chats.getById(other))).toMatchObject({ title: 'Theirs' });
    });

    it('reports an unknown user', async () => {
      const error = await failure(store().chats.create(aChat({ userId: randomUUID() })));
      expect(error).toMatchObject({ kind: 'not-found', entity: 'user', operation: 'chats.create' });
    });

    it('takes a title of 255 characters', async () => {
      const { id: userId } = await must(store().users.create(aUser()));
      const title = 'é'.repeat(255);
      expect(await must(store().chats.create({ userId, title }))).toMatchObject({ title });
    });
  });

  describe('chats.findById, getById and isOwnedBy', () => {
    it('give the chat to its owner', async () => {
      const chat = await createUserWithChat(store());
      expect(await must(store().chats.findById(chat))).toMatchObject({ id: chat.chatId });
      expect(await must(store().chats.isOwnedBy(chat))).toBe(true);
    });

    it("take another user's chat for none", async () => {
      const { chatId } = await createUserWithChat(store());
      const { id: userId } = await must(store().users.create(aUser()));
      expect(await must(store().chats.findById({ userId, chatId }))).toBeNull();
      expect(await must(store().chats.isOwnedBy({ userId, chatId }))).toBe(false);
      const error = await failure(store().chats.getById({ userId, chatId }));
      expect(error).toMatchObject({ kind: 'not-found', entity: 'chat', operation: 'chats.getById' });
    });
  });

  describe('chats.list', () => {
    it('gives the newest activity first', async () => {
      const { userId, chatId: oldest } = await createUserWithChat(store());
      const { id: middle } = await must(store().chats.create(aChat({ userId })));
      const { id: newest } = await must(store().chats.create(aChat({ userId })));
      await setActivity(store(), { [oldest]: '2026-01-01', [middle]: '2026-01-02', [newest]: '2026-01-03' });
      const { items, nextCursor } = await must(store().chats.list({ userId }));
      expect(ids(items)).toEqual([newest, middle, oldest]);
      expect(nextCursor).toBeNull();
    });

    it('breaks ties by id and gives every chat once, whatever the page size', async () => {
      const userId = await aUserWithSameActivity(store(), 50);
      const one = await must(store().chats.list({ userId, limit: 200 }));
      expect(ids(one.items)).toEqual([...ids(one.items)].sort().reverse());
      for (const limit of [1, 7, 49, 50, 51]) {
        expect(await allPages((cursor) => store().chats.list(page(userId, limit, cursor)))).toEqual(
          one.items,
        );
      }
    });

    it('misses and repeats nothing while chats are added at the front and between pages', async () => {
      const userId = await aUserWithSameActivity(store(), 40);
      const before = ids((await must(store().chats.list({ userId, limit: 200 }))).items);
      const seen = ids(
        await allPages(
          (cursor) => store().chats.list(page(userId, 7, cursor)),
          async () => {
            await must(store().chats.create(aChat({ userId })));
            // Lands somewhere among the rows with the same time, read or not.
            const { id } = await must(store().chats.create(aChat({ userId, id: randomUUID() })));
            await setActivity(store(), { [id]: SAME_TIME });
          },
        ),
      );
      expect(seen).toEqual([...new Set(seen)]);
      expect(seen.filter((id) => before.includes(id))).toEqual(before);
    });

    it('ends with null where the last page is exactly full', async () => {
      const userId = await aUserWithSameActivity(store(), 4);
      const first = await must(store().chats.list({ userId, limit: 2 }));
      const second = await must(store().chats.list(page(userId, 2, first.nextCursor ?? '')));
      expect(second.items).toHaveLength(2);
      expect(second.nextCursor).toBeNull();
    });

    it('gives 20 chats where no limit is asked for', async () => {
      const userId = await aUserWithSameActivity(store(), 21);
      expect((await must(store().chats.list({ userId }))).items).toHaveLength(20);
    });

    it('leaves out chats without activity since the given instant, and keeps the instant itself', async () => {
      const { userId, chatId: early } = await createUserWithChat(store());
      const { id: late } = await must(store().chats.create(aChat({ userId })));
      await setActivity(store(), { [early]: '2026-01-01T00:00:00.000Z', [late]: '2026-01-02T00:00:00.000Z' });
      const activeSince = new Date('2026-01-02T00:00:00.000Z');
      expect(ids((await must(store().chats.list({ userId, activeSince }))).items)).toEqual([late]);
      expect(await must(store().chats.count({ userId, activeSince }))).toBe(1);
      const afterAll = new Date('2026-01-02T00:00:00.001Z');
      expect(await must(store().chats.count({ userId, activeSince: afterAll }))).toBe(0);
      expect(await must(store().chats.count({ userId }))).toBe(2);
    });

    it('keeps to activeSince on every page', async () => {
      const userId = await aUserWithSameActivity(store(), 9);
      await must(store().chats.create(aChat({ userId })));
      const activeSince = new Date(SAME_TIME);
      const call = (cursor?: string) => store().chats.list({ ...page(userId, 4, cursor), activeSince });
      expect(await allPages(call)).toHaveLength(10);
      const since = new Date(activeSince.getTime() + 1);
      const later = (cursor?: string) =>
        store().chats.list({ ...page(userId, 4, cursor), activeSince: since });
      expect(await allPages(later)).toHaveLength(1);
    });

    it('takes any instant that a calendar has', async () => {
      const { userId } = await createUserWithChat(store());
      const count = async (text: string) =>
        must(store().chats.count({ userId, activeSince: new Date(text) }));
      expect(await count('0001-01-01T00:00:00.000Z')).toBe(1);
      expect(await count('9999-12-31T23:59:59.999Z')).toBe(0);
    });

    it('gives an unknown user an empty page', async () => {
      expect(await must(store().chats.list({ userId: randomUUID() }))).toEqual({
        items: [],
        nextCursor: null,
      });
    });
  });

  describe('chats.rename', () => {
    it('sets the title and moves the chat to the front', async () => {
      const chat = await createUserWithChat(store());
      await setActivity(store(), { [chat.chatId]: '2026-01-01' });
      const renamed = await must(store().chats.rename({ ...chat, title: 'New' }));
      expect(renamed.title).toBe('New');
      expect(Math.abs(Date.now() - renamed.updatedAt.getTime())).toBeLessThan(60_000);
    });

    it("changes nothing of another user's chat", async () => {
      const { chatId } = await createUserWithChat(store());
      const { id: userId } = await must(store().users.create(aUser()));
      const before = await everything(store());
      const error = await failure(store().chats.rename({ userId, chatId, title: 'Mine' }));
      expect(error).toMatchObject({ kind: 'not-found', entity: 'chat' });
      expect(await everything(store())).toEqual(before);
    });
  });

  describe('chats.touch', () => {
    it('sets updatedAt to the time of the server and nothing else', async () => {
      const chat = await createUserWithChat(store());
      await setActivity(store(), { [chat.chatId]: '2026-01-01' });
      const before = await must(store().chats.getById(chat));
      const touched = await must(store().chats.touch(chat));
      expect({ ...touched, updatedAt: before.updatedAt }).toEqual(before);
      expect(Math.abs(Date.now() - touched.updatedAt.getTime())).toBeLessThan(60_000);
    });

    it('never moves a chat back', async () => {
      const chat = await createUserWithChat(store());
      await setActivity(store(), { [chat.chatId]: '2999-01-01T00:00:00Z' });
      expect((await must(store().chats.touch(chat))).updatedAt).toEqual(new Date('2999-01-01T00:00:00Z'));
    });

    it('reports an unknown chat', async () => {
      const { userId } = await createUserWithChat(store());
      const error = await failure(store().chats.touch({ userId, chatId: randomUUID() }));
      expect(error).toMatchObject({ kind: 'not-found', entity: 'chat' });
    });
  });

  describe('chats.delete', () => {
    it('takes its messages and vectors along, and no others', async () => {
      const chat = await createUserWithChat(store());
      const { id: otherId } = await must(store().chats.create(aChat({ userId: chat.userId })));
      const other = { userId: chat.userId, chatId: otherId };
      for (const scope of [chat, other]) {
        await must(store().messages.append({ ...scope, ...aMessage({ embedding: anEmbedding(1) }) }));
        await must(store().vectors.insert({ userId: scope.userId, ...aVector(scope) }));
      }
      expect(await must(store().chats.delete(chat))).toBe(true);
      expect(await must(store().chats.findById(chat))).toBeNull();
      expect(await must(store().vectors.count(chat))).toBe(0);
      expect(await must(store().messages.history(chat))).toEqual([]);
      expect(await must(store().vectors.count(other))).toBe(2);
      expect(await must(store().messages.history(other))).toHaveLength(1);
    });

    it("tells that there was none, also for another user's", async () => {
      const { chatId } = await createUserWithChat(store());
      const { userId } = await createUserWithChat(store());
      expect(await must(store().chats.delete({ userId, chatId }))).toBe(false);
      expect(await must(store().chats.delete({ userId, chatId: randomUUID() }))).toBe(false);
    });
  });
}

const SAME_TIME = '2026-02-03T04:05:06.789Z';

const page = (userId: string, limit: number, cursor?: string) => ({
  userId,
  limit,
  ...(cursor === undefined ? {} : { cursor }),
});

async function aUserWithSameActivity(store: MacroStore, chats: number): Promise<string> {
  const { id: userId } = await must(store.users.create(aUser()));
  await query(
    store,
    sql`insert into chats (user_id, title, updated_at)
      select ${userId}::uuid, 'chat ' || number, ${SAME_TIME}::timestamptz from generate_series(1, ${chats}::int) as number`,
  );
  return userId;
}

async function setActivity(store: MacroStore, times: Readonly<Record<string, string>>): Promise<void> {
  for (const [chatId, time] of Object.entries(times)) {
    await query(store, sql`update chats set updated_at = ${time}::timestamptz where id = ${chatId}`);
  }
}
