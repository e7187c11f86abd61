import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import { aMessage, anEmbedding, aUser, createUserWithChat, failure, must } from '../support/builders.js';
import { allPages, ids, query } from './repositories.js';

export function usersContract(store: () => MacroStore): void {
  describe('users.create', () => {
    it('gives the stored user with every default filled in', async () => {
      const user = await must(store().users.create({ email: 'Ada@Example.org' }));
      expect(user).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{14}7/),
        email: 'Ada@Example.org',
        emailVerified: false,
        firstName: null,
        lastName: null,
        createdAt: expect.any(Date),
        updatedAt: user.createdAt,
        lastLogin: null,
      });
      expect(Math.abs(Date.now() - user.createdAt.getTime())).toBeLessThan(60_000);
      expect(await must(store().users.findById(user.id))).toEqual(user);
    });

    it('keeps every given field', async () => {
      const given = { ...aUser(), id: randomUUID(), emailVerified: true, firstName: 'Ada', lastName: 'L' };
      expect(await must(store().users.create(given))).toMatchObject(given);
    });

    it('gives the stored user unchanged for the same id and address again', async () => {
      const given = aUser({ id: randomUUID(), firstName: 'Ada' });
      const first = await must(store().users.create(given));
      const again = await must(
        store().users.create({ ...given, email: given.email.toUpperCase(), firstName: 'Eve' }),
      );
      expect(again).toEqual(first);
    });

    it('gives one user to twenty callers with the same id', async () => {
      const given = aUser({ id: randomUUID() });
      const users = await Promise.all(Array.from({ length: 20 }, () => must(store().users.create(given))));
      expect(new Set(users.map((user) => JSON.stringify(user))).size).toBe(1);
    });

    it('reports another address under the same id as a conflict of users_pkey', async () => {
      const { id } = await must(store().users.create(aUser()));
      const error = await failure(store().users.create(aUser({ id })));
      expect(error).toMatchObject({ kind: 'conflict', constraint: 'users_pkey', operation: 'users.create' });
    });

    it('reports the same address in another case as a conflict of email_idx', async () => {
      const { email } = await must(store().users.create(aUser()));
      const error = await failure(store().users.create(aUser({ email: email.toUpperCase() })));
      expect(error).toMatchObject({ kind: 'conflict', constraint: 'email_idx', retryable: false });
    });

    it('gives an id in lower case, and finds the user by it in either case', async () => {
      const id = randomUUID();
      const user = await must(store().users.create(aUser({ id: id.toUpperCase() })));
      expect(user.id).toBe(id);
      expect(await must(store().users.findById(id.toUpperCase()))).toEqual(user);
    });
  });

  describe('users.findById, users.getById', () => {
    it('tell an unknown user by null and by not-found', async () => {
      const id = randomUUID();
      expect(await must(store().users.findById(id))).toBeNull();
      expect(await failure(store().users.getById(id))).toMatchObject({ kind: 'not-found', entity: 'user' });
    });

    it('give the user', async () => {
      const user = await must(store().users.create(aUser()));
      expect(await must(store().users.getById(user.id))).toEqual(user);
    });
  });

  describe('users.findByEmail', () => {
    it('finds an address in any case, and nothing by a part of it', async () => {
      const user = await must(store().users.create(aUser()));
      expect(await must(store().users.findByEmail(user.email.toUpperCase()))).toEqual(user);
      expect(await must(store().users.findByEmail(`x${user.email}`))).toBeNull();
      expect(await must(store().users.findByEmail('%@example.org'))).toBeNull();
    });
  });

  describe('users.update', () => {
    it('changes the given fields only, and updatedAt', async () => {
      const user = await must(store().users.create(aUser({ firstName: 'Ada', lastName: 'L' })));
      await age(store(), user.id);
      const changed = await must(store().users.update(user.id, { firstName: 'Eve', emailVerified: true }));
      expect(changed).toMatchObject({
        firstName: 'Eve',
        lastName: 'L',
        emailVerified: true,
        email: user.email,
      });
      expect(changed.updatedAt.getTime()).toBeGreaterThanOrEqual(user.updatedAt.getTime());
    });

    it('takes a name away when it is set to null', async () => {
      const { id } = await must(store().users.create(aUser({ firstName: 'Ada', lastName: 'L' })));
      const changed = await must(store().users.update(id, { firstName: null }));
      expect(changed).toMatchObject({ firstName: null, lastName: 'L' });
    });

    it('sets emailVerified back to false', async () => {
      const { id } = await must(store().users.create(aUser({ emailVerified: true })));
      expect(await must(store().users.update(id, { emailVerified: false }))).toMatchObject({
        emailVerified: false,
      });
    });

    it('reports an address that another user has as a conflict, and changes nothing', async () => {
      const [one, other] = [
        await must(store().users.create(aUser())),
        await must(store().users.create(aUser())),
      ];
      const error = await failure(store().users.update(one.id, { email: other.email, firstName: 'Eve' }));
      expect(error).toMatchObject({ kind: 'conflict', constraint: 'email_idx' });
      expect(await must(store().users.getById(one.id))).toEqual(one);
    });

    it('reports an unknown user', async () => {
      const error = await failure(store().users.update(randomUUID(), { firstName: 'Eve' }));
      expect(error).toMatchObject({ kind: 'not-found', entity: 'user', operation: 'users.update' });
    });
  });

  describe('users.recordLogin', () => {
    it('sets lastLogin to the time of the server and nothing else', async () => {
      const user = await must(store().users.create(aUser()));
      const { lastLogin, ...rest } = await must(store().users.recordLogin(user.id));
      expect(lastLogin?.getTime()).toBeGreaterThanOrEqual(user.createdAt.getTime());
      expect({ ...rest, lastLogin: null }).toEqual(user);
    });

    it('reports an unknown user', async () => {
      expect(await failure(store().users.recordLogin(randomUUID()))).toMatchObject({ kind: 'not-found' });
    });
  });

  describe('users.list', () => {
    it('gives every user once, by id, also while users are added', async () => {
      const mine = ids(
        await Promise.all(Array.from({ length: 23 }, () => must(store().users.create(aUser())))),
      );
      const seen = ids(
        await allPages(
          (cursor) => store().users.list({ limit: 7, ...(cursor === undefined ? {} : { cursor }) }),
          () => must(store().users.create(aUser({ id: `00000000-${randomUUID().slice(9)}` }))),
        ),
      );
      expect(seen).toEqual([...new Set(seen)].sort());
      expect(mine.filter((id) => !seen.includes(id))).toEqual([]);
    });
  });

  describe('users.delete', () => {
    it('takes chats, messages and vectors along', async () => {
      const { userId, chatId } = await createUserWithChat(store());
      await must(store().messages.append({ userId, chatId, ...aMessage({ embedding: anEmbedding(1) }) }));
      await must(store().vectors.insert({ userId, chatId, content: 'x', embedding: anEmbedding(2) }));
      expect(await must(store().users.delete(userId))).toBe(true);
      const left = await query<{ count: number }>(
        store(),
        sql`select (select count(*) from users where id = ${userId})::int
          + (select count(*) from chats where user_id = ${userId})::int
          + (select count(*) from chat_messages where user_id = ${userId})::int
          + (select count(*) from chat_vectors where user_id = ${userId})::int as count`,
      );
      expect(left).toEqual([{ count: 0 }]);
    });

    it('tells that there was none', async () => {
      const { id } = await must(store().users.create(aUser()));
      expect(await must(store().users.delete(id))).toBe(true);
      expect(await must(store().users.delete(id))).toBe(false);
    });
  });
}

/** An hour older, so that a new time shows. */
const age = (store: MacroStore, userId: string) =>
  query(
    store,
    sql`update users set created_at = created_at - interval '1 hour', updated_at = updated_at - interval '1 hour' where id = ${userId}`,
  );
