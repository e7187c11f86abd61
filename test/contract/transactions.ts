import { sql } from 'drizzle-orm';
import { err, errAsync, ok, type ResultAsync } from 'neverthrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeError, unredactedCauseOf } from '../../src/errors.js';
import type { MacroStore, TransactionOptions, User } from '../../src/index.js';

let emails = 0;
const anEmail = () => {
  emails += 1;
  return `user-${emails}@example.org`;
};

/** What `store.transaction` promises, whatever the database is. */
export function transactionContract(name: string, makeStore: () => Promise<MacroStore>): void {
  describe(`store.transaction (${name})`, () => {
    let store: MacroStore;
    let user: User;
    beforeAll(async () => {
      store = await makeStore();
      user = (await store.users.create({ email: anEmail() }))._unsafeUnwrap();
    }, 60_000);
    afterAll(() => store.close());

    const titles = async () =>
      (await store.chats.list({ userId: user.id }))._unsafeUnwrap().items.map((chat) => chat.title);

    it('commits when the work gives an Ok, and gives its value', async () => {
      const result = await store.transaction((tx) => tx.chats.create({ userId: user.id, title: 'kept' }));
      expect(result._unsafeUnwrap().title).toBe('kept');
      expect(await titles()).toContain('kept');
    });

    it('rolls back when the work gives an Err, and gives that error', async () => {
      const result = await store.transaction(async (tx) => {
        await tx.chats.create({ userId: user.id, title: 'undone by Err' });
        return err('out of stock' as const);
      });
      expect(result._unsafeUnwrapErr()).toBe('out of stock');
      expect(await titles()).not.toContain('undone by Err');
    });

    it('rolls back when the work throws, and keeps what was thrown out of the message', async () => {
      const thrown = new Error('s3cret');
      const result = await store.transaction<never, never>(async (tx) => {
        await tx.chats.create({ userId: user.id, title: 'undone by throw' });
        throw thrown;
      });
      const error = result._unsafeUnwrapErr();
      expect(error.kind).toBe('callback-threw');
      expect(error.message).not.toContain('s3cret');
      expect(unredactedCauseOf(error)).toBe(thrown);
      expect(await titles()).not.toContain('undone by throw');
    });

    it('gives a thrown StoreError as it is', async () => {
      const mine = storeError('not-found', 'test', 'nothing there', { entity: 'chat' });
      const result = await store.transaction<never, never>(() => {
        throw mine;
      });
      expect(result._unsafeUnwrapErr()).toBe(mine);
    });

    it('rolls back and tells the failed statement when the work gives an Ok in spite of it', async () => {
      const result = await store.transaction(async (tx) => {
        await tx.chats.create({ userId: user.id, title: 'undone by an ignored failure' });
        await tx.users.create({ email: user.email });
        return ok('done');
      });
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'conflict', constraint: 'email_idx' });
      expect(await titles()).not.toContain('undone by an ignored failure');
    });

    it('keeps the first error when a later statement fails because of it', async () => {
      const result = await store.transaction(async (tx) => {
        await tx.users.create({ email: user.email });
        const second = await tx.chats.create({ userId: user.id, title: 'never sent' });
        expect(second._unsafeUnwrapErr().kind).toBe('transaction-ended');
        return second;
      });
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'conflict', constraint: 'email_idx' });
    });

    it('keeps the first error when Drizzle throws what its statement ended in', async () => {
      const result = await store.transaction(async (tx) => {
        await tx.db.execute(sql`insert into chats (user_id, title) values (${user.id}, null)`);
        return ok(undefined);
      });
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'title' }] });
    });

    it("prefers the work's own error to the statement's", async () => {
      const result = await store.transaction((tx) =>
        tx.users.create({ email: user.email }).orElse(() => errAsync('address taken' as const)),
      );
      expect(result._unsafeUnwrapErr()).toBe('address taken');
    });

    it('sees its own changes through every repository and through Drizzle', async () => {
      const counts = await store.transaction(async (tx) => {
        const chat = (await tx.chats.create({ userId: user.id, title: 'inside' }))._unsafeUnwrap();
        await tx.messages.append({ userId: user.id, chatId: chat.id, role: 'user', content: 'hi' });
        const listed = (await tx.messages.list({ userId: user.id, chatId: chat.id }))._unsafeUnwrap().items
          .length;
        const rows = await tx.db.execute(
          sql`select count(*)::int as count from chat_messages where chat_id = ${chat.id}`,
        );
        return ok([listed, (rows[0] as { count: number }).count]);
      });
      expect(counts._unsafeUnwrap()).toEqual([1, 1]);
    });

    it('undoes a nested Err alone', async () => {
      const result = await store.transaction(async (tx) => {
        await tx.chats.create({ userId: user.id, title: 'outer, kept' });
        const inner = await tx.transaction(async (nested) => {
          await nested.chats.create({ userId: user.id, title: 'inner, undone' });
          return err('no' as const);
        });
        expect(inner._unsafeUnwrapErr()).toBe('no');
        return tx.chats.create({ userId: user.id, title: 'after, kept' });
      });
      expect(result.isOk()).toBe(true);
      const now = await titles();
      expect(now).toEqual(expect.arrayContaining(['outer, kept', 'after, kept']));
      expect(now).not.toContain('inner, undone');
    });

    it('goes on after a failed statement in a nested transaction', async () => {
      const result = await store.transaction(async (tx) => {
        const inner = await tx.transaction((nested) => nested.users.create({ email: user.email }));
        expect(inner._unsafeUnwrapErr().kind).toBe('conflict');
        return tx.chats.create({ userId: user.id, title: 'after a failed savepoint' });
      });
      expect(result.isOk()).toBe(true);
      expect(await titles()).toContain('after a failed savepoint');
    });

    it('nests three levels deep and undoes the middle with what is inside it', async () => {
      const result = await store.transaction(async (one) => {
        await one.chats.create({ userId: user.id, title: 'level 1' });
        await one.transaction(async (two) => {
          await two.chats.create({ userId: user.id, title: 'level 2' });
          const three = await two.transaction((scope) =>
            scope.chats.create({ userId: user.id, title: 'level 3' }),
          );
          expect(three.isOk()).toBe(true);
          return err('undo the middle');
        });
        return ok(undefined);
      });
      expect(result.isOk()).toBe(true);
      const now = await titles();
      expect(now).toContain('level 1');
      expect(now).not.toContain('level 2');
      expect(now).not.toContain('level 3');
    });

    it('refuses the outer scope while a nested transaction is open', async () => {
      const result = await store.transaction(async (tx) => {
        await tx.transaction(async () => {
          const outer = await tx.chats.create({ userId: user.id, title: 'would be lost with the inner' });
          expect(outer._unsafeUnwrapErr().kind).toBe('reentrant-call');
          return ok(undefined);
        });
        return ok('still fine');
      });
      expect(result._unsafeUnwrap()).toBe('still fine');
    });

    it('refuses two nested transactions at once', async () => {
      const result = await store.transaction(async (tx) => {
        const [first, second] = await Promise.all([
          tx.transaction((nested) => nested.chats.create({ userId: user.id, title: 'first of two' })),
          tx.transaction((nested) => nested.chats.create({ userId: user.id, title: 'second of two' })),
        ]);
        expect(first.isOk()).toBe(true);
        expect(second._unsafeUnwrapErr().kind).toBe('reentrant-call');
        return ok(undefined);
      });
      expect(result.isOk()).toBe(true);
      expect(await titles()).toContain('first of two');
      expect(await titles()).not.toContain('second of two');
    });

    it('rolls back when an inner transaction was not awaited', async () => {
      let inner: ResultAsync<unknown, unknown> | undefined;
      const result = await store.transaction(async (tx) => {
        await tx.chats.create({ userId: user.id, title: 'outer of a forgotten inner' });
        inner = tx.transaction(async (nested) => {
          await nested.chats.create({ userId: user.id, title: 'forgotten inner, first half' });
          return nested.chats.create({ userId: user.id, title: 'forgotten inner, second half' });
        });
        return ok(undefined);
      });
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'transaction-ended' });
      expect((await inner)?.isErr()).toBe(true);
      expect((await titles()).filter((title) => title.includes('forgotten'))).toEqual([]);
    });

    it.each([
      ['isolationLevel', { isolationLevel: 'serializable; drop table users' }],
      ['accessMode', { accessMode: 'read only, deferrable' }],
      ['retryWithinMs', { retryWithinMs: Number.NaN }],
      ['retries', { retries: 3 }],
    ])('refuses an unknown %s before anything is sent', async (path, options) => {
      let ran = false;
      const result = await store.transaction(async () => {
        ran = true;
        return ok(undefined);
      }, options as TransactionOptions);
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'invalid-input', issues: [{ path }] });
      expect(ran).toBe(false);
    });

    it('refuses its scope after its end', async () => {
      let leaked: Parameters<Parameters<typeof store.transaction>[0]>[0] | undefined;
      await store.transaction(async (tx) => {
        leaked = tx;
        return ok(undefined);
      });
      const late = await leaked?.chats.create({ userId: user.id, title: 'too late' });
      expect(late?._unsafeUnwrapErr().kind).toBe('transaction-ended');
      expect(await titles()).not.toContain('too late');
    });

    it('reports input mistakes without ending the transaction', async () => {
      const result = await store.transaction(async (tx) => {
        const refused = await tx.chats.create({ userId: user.id, title: '' });
        expect(refused._unsafeUnwrapErr()).toMatchObject({
          kind: 'invalid-input',
          issues: [{ path: 'title' }],
        });
        return tx.chats.create({ userId: user.id, title: 'after a mistake' });
      });
      expect(result.isOk()).toBe(true);
    });

    it('takes the isolation level and access mode', async () => {
      const result = await store.transaction(
        async (tx) => {
          const rows = await tx.db.execute(
            sql`select current_setting('transaction_isolation') as level, current_setting('transaction_read_only') as readonly`,
          );
          return ok(rows[0]);
        },
        { isolationLevel: 'serializable', accessMode: 'read only' },
      );
      expect(result._unsafeUnwrap()).toEqual({ level: 'serializable', readonly: 'on' });
    });

    it('refuses to write in a read-only transaction', async () => {
      const result = await store.transaction((tx) => tx.chats.create({ userId: user.id, title: 'no' }), {
        accessMode: 'read only',
      });
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'read-only' });
    });

    it('does nothing when its signal fired before', async () => {
      let ran = false;
      const result = await store.transaction(
        async () => {
          ran = true;
          return ok(undefined);
        },
        { signal: AbortSignal.abort() },
      );
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'aborted' });
      expect(ran).toBe(false);
    });

    it('rolls back when its signal fires before the commit', async () => {
      const controller = new AbortController();
      const result = await store.transaction(
        async (tx) => {
          await tx.chats.create({ userId: user.id, title: 'aborted' });
          controller.abort();
          return ok(undefined);
        },
        { signal: controller.signal },
      );
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'aborted' });
      expect(await titles()).not.toContain('aborted');
    });

    it('runs the work again after a conflict, and gives up after its time', async () => {
      let runs = 0;
      const lost = () => storeError('transaction-conflict', 'test', 'lost');
      const second = await store.transaction(async () => {
        runs += 1;
        return runs === 1 ? err(lost()) : ok(runs);
      });
      expect(second._unsafeUnwrap()).toBe(2);
      const never = await store.transaction(async () => err(lost()), { retryWithinMs: 0 });
      expect(never._unsafeUnwrapErr().kind).toBe('transaction-conflict');
    });
  });
}
