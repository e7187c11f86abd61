import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { createMacroStore } from '../../src/index.js';
import { createTestDatabase } from '../support/test-database.js';

const embedding = Float32Array.from({ length: 1536 }, (_, index) => Math.sin(index + 1));

describe('vectors.insertMany', () => {
  it('keeps nothing of a batch when another user takes one of its ids at that moment', async () => {
    await using database = await createTestDatabase();
    await using store = createMacroStore({ database: { url: database.url } });
    const aChatOf = async (email: string) => {
      const user = (await store.users.create({ email }))._unsafeUnwrap();
      return (await store.chats.create({ userId: user.id, title: 'chat' }))._unsafeUnwrap();
    };
    const [mine, theirs] = [await aChatOf('mine@example.org'), await aChatOf('theirs@example.org')];
    const [free, taken] = [crypto.randomUUID(), crypto.randomUUID()];

    // The other user's row is written and not yet committed: our statement cannot see it, and waits for it.
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query('begin');
    await other.query(
      'insert into chat_vectors (id, user_id, chat_id, content, embedding) values ($1, $2, $3, $4, $5)',
      [taken, theirs.userId, theirs.id, 'theirs', `[${embedding.join(',')}]`],
    );
    const inserting = store.vectors.insertMany({
      userId: mine.userId,
      vectors: [free, taken].map((id) => ({ id, chatId: mine.id, content: 'mine', embedding })),
    });
    await vi.waitFor(async () => {
      const waiting = await database.query("select 1 from pg_stat_activity where wait_event_type = 'Lock'");
      expect(waiting).toHaveLength(1);
    });
    await other.query('commit');
    await other.end();

    expect((await inserting)._unsafeUnwrapErr()).toMatchObject({
      kind: 'conflict',
      constraint: 'chat_vectors_pkey',
    });
    const rows = await database.query('select id, content from chat_vectors');
    expect(rows).toEqual([{ id: taken, content: 'theirs' }]);
  });
});
