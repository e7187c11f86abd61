import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeCursor } from '../../src/repositories/cursor.js';
import { anEmbedding, createServerStore, must, type ServerStore, TINY } from '../support/builders.js';
import {
  buffersOf,
  type ExplainedStore,
  explainedStore,
  fullyReadTables,
  indexesOf,
  nodesOf,
  type PlanMode,
} from '../support/explain.js';

/** What a page of 50 messages may cost at most, wherever in the chat it is. */
const MAX_BUFFERS = 12;
const MESSAGES = 20_000;
const LAST_PAGE = MESSAGES / 50;
const WORDS = 'the hotel has a pool near the station could you book two nights for my family please ';

interface ChatOfUser {
  readonly userId: string;
  readonly chatId: string;
}

let made: ServerStore;
let store: ExplainedStore;
/** A chat of 20,000 messages that lie side by side, as after a bulk load; its user has 3,000 chats. */
let contiguous: ChatOfUser;
/** A chat of 20,000 messages with as many of other users, of any age, between them; half of all vectors. */
let interleaved: ChatOfUser;
/** A user with five chats of four messages and twenty vectors, as all the others. */
let ordinary: ChatOfUser;

beforeAll(async () => {
  made = await createServerStore();
  const { database } = made;
  await database.query(`
    insert into users (email) select 'user' || number || '@example.org' from generate_series(1, 1000) as number;
    insert into chats (user_id, title, updated_at)
      select user_id, 'A chat', now() - random() * interval '90 days' from (
        select id as user_id from users, generate_series(1, 5)
        union all select id from users, generate_series(1, 3000) where email = 'user1@example.org'
      ) as owner order by random()`);
  const chatOf = async (user: string): Promise<ChatOfUser> => {
    const [row] = await database.query<{ userId: string; chatId: string }>(
      `select u.id as "userId", c.id as "chatId" from users u join chats c on c.user_id = u.id where email = $1 limit 1`,
      [`${user}@example.org`],
    );
    if (row === undefined) throw new Error(`${user} has no chat`);
    return row;
  };
  contiguous = await chatOf('user1');
  interleaved = await chatOf('user2');
  ordinary = await chatOf('user3');

  // 60–200 characters each, and metadata on every second.
  const messagesOf = (rows: string) => `
    insert into chat_messages (user_id, chat_id, role, content, metadata, created_at)
    select user_id, chat_id, case when number % 2 = 0 then 'assistant' else 'user' end,
      substr('${WORDS.repeat(5)}', 1 + (number * 7 % 200)::int, 60 + (number * 37 % 141)::int),
      case when number % 2 = 0 then jsonb_build_object('model', 'gpt-4o-mini', 'tokens', number) end,
      timestamptz '2026-01-01' + number * interval '10 seconds'
    from (${rows}) as rows order by position`;
  const longChat = ({ userId, chatId }: ChatOfUser) => `
    select '${userId}'::uuid as user_id, '${chatId}'::uuid as chat_id, number, number::float8 as position
    from generate_series(1, ${MESSAGES}) as number`;
  const isLong = `user_id in ('${contiguous.userId}', '${interleaved.userId}')`;
  await database.query(messagesOf(longChat(contiguous)));
  await database.query(
    messagesOf(`${longChat(interleaved)} union all
      select user_id, id, (random() * ${MESSAGES})::int, random() * ${MESSAGES}
      from chats, generate_series(1, 4) where not ${isLong}`),
  );
  await database.query(`
    insert into chat_vectors (user_id, chat_id, content, embedding)
    select user_id, chat_id, '${WORDS}', (select array_agg(random() - 0.5) from generate_series(1, 8) where number > 0)::vector
    from (
      select user_id, id as chat_id, number from chats, generate_series(1, 4) as number
        where not ${isLong} and user_id in (select id from users where email like 'user3%')
      union all
      select '${contiguous.userId}', '${contiguous.chatId}', number from generate_series(1, 200) as number
      union all
      select '${interleaved.userId}', '${interleaved.chatId}', number from generate_series(1, 5000) as number
    ) as rows order by random()`);
  await must(made.store.migrate({ hnsw: 'build' }));
  await database.query('vacuum analyze');
  store = await explainedStore(database.url, TINY);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await made[Symbol.asyncDispose]();
});

describe.each<PlanMode>(['force_generic_plan', 'force_custom_plan'])('plans, %s', (mode) => {
  beforeAll(() => store.mode(mode));

  /** The plan of a call's statement, once the connection knows the tables. */
  const planOf = async (call: () => Promise<unknown>) => {
    await call();
    await call();
    return store.plan();
  };

  describe.each([
    ['side by side', () => contiguous],
    ['between those of others', () => interleaved],
  ])('messages.list, 20,000 messages that lie %s', (_layout, chat) => {
    const pagePlan = async (page: number, order: 'newest-first' | 'oldest-first') => {
      const cursor = page === 1 ? undefined : await cursorOf(chat(), (page - 1) * 50 - 1, order);
      return planOf(() => must(store.messages.list({ ...chat(), order, ...(cursor && { cursor }) })));
    };

    it.each(['newest-first', 'oldest-first'] as const)(
      `reads at most ${MAX_BUFFERS} pages of memory for the first, a middle and the 400th page, %s`,
      async (order) => {
        for (const page of [1, LAST_PAGE / 2, LAST_PAGE]) {
          const plan = await pagePlan(page, order);
          expect(indexesOf(plan)).toEqual(['idx_chat_messages_chat_id_created_at']);
          expect(nodesOf(plan).map((node) => node['Node Type'])).not.toContain('Sort');
          expect(buffersOf(plan), `page ${page}`).toBeLessThanOrEqual(MAX_BUFFERS);
        }
      },
    );

    it('costs the same at both ends of the chat, up to where its rows share a page of memory', async () => {
      const mean = async (pages: readonly number[]) => {
        let total = 0;
        for (const page of pages) total += buffersOf(await pagePlan(page, 'newest-first'));
        return total / pages.length;
      };
      const offsets = Array.from({ length: 15 }, (_, index) => index);
      const first = await mean(offsets.map((offset) => 1 + offset));
      const last = await mean(offsets.map((offset) => LAST_PAGE - offset));
      expect(Math.abs(first - last)).toBeLessThan(1.5);
    });
  });

  it('messages.history reads the end of the chat only', async () => {
    const plan = await planOf(() => must(store.messages.history(interleaved)));
    expect(indexesOf(plan)).toEqual(['idx_chat_messages_chat_id_created_at']);
    expect(buffersOf(plan)).toBeLessThanOrEqual(MAX_BUFFERS);
  });

  it('chats.list reads in order and stops at the limit, also for a user with 3,000 chats', async () => {
    for (const { userId } of [contiguous, ordinary]) {
      for (const activeSince of [undefined, new Date(Date.now() - 30 * 86_400_000)]) {
        const plan = await planOf(() =>
          must(store.chats.list({ userId, ...(activeSince && { activeSince }) })),
        );
        expect(indexesOf(plan)).toEqual(['idx_chats_user_id_updated_at']);
        expect(nodesOf(plan).map((node) => node['Node Type'])).not.toContain('Sort');
        // Each of the 21 rows may be on a page of its own.
        expect(buffersOf(plan)).toBeLessThanOrEqual(21 + 4);
      }
    }
  });

  it('users.findByEmail goes by the index on the address in lower case', async () => {
    const plan = await planOf(() => must(store.users.findByEmail('USER77@example.org')));
    expect(indexesOf(plan)).toEqual(['email_idx']);
    expect(buffersOf(plan)).toBeLessThanOrEqual(4);
  });

  it('vectors.count reads the index on the scope and no row', async () => {
    for (const { userId, chatId } of [contiguous, ordinary]) {
      for (const scope of [{ userId }, { userId, chatId }]) {
        const plan = await planOf(() => must(store.vectors.count(scope)));
        expect(indexesOf(plan)).toEqual(['idx_chat_vectors_user_id_chat_id']);
        expect(nodesOf(plan).map((node) => node['Node Type'])).toContain('Index Only Scan');
      }
    }
  });

  it('vectorSearch.semanticSearch reads the scope by its index', async () => {
    for (const { userId, chatId } of [contiguous, ordinary]) {
      for (const options of [{}, { chatId }, { limit: 1 }, { limit: 1_000, threshold: -1 }]) {
        const plan = await planOf(() =>
          must(store.vectorSearch.semanticSearch(anEmbedding(1), userId, options)),
        );
        // Twice where the second search of a scope counts it.
        expect(new Set(indexesOf(plan))).toEqual(new Set(['idx_chat_vectors_user_id_chat_id']));
      }
    }
  });

  it('the exact strategy cannot go by HNSW, even if the planner would do anything for it', async () => {
    const forHnsw = { enable_sort: 'off', enable_seqscan: 'off', enable_bitmapscan: 'off' } as const;
    for (const { userId } of [interleaved, ordinary]) {
      const options = { limit: 1, strategy: 'exact' } as const;
      const search = () => must(store.vectorSearch.semanticSearch(anEmbedding(1), userId, options));
      const plan = await store.withPlanner(forHnsw, () => planOf(search));
      expect(new Set(indexesOf(plan))).toEqual(new Set(['idx_chat_vectors_user_id_chat_id']));
    }
  });

  it('messages.search never reads the messages of everybody', async () => {
    for (const { userId, chatId } of [contiguous, ordinary]) {
      for (const query of ['hotel', 'zebra -pool']) {
        for (const scope of [{ userId }, { userId, chatId }]) {
          await must(store.messages.search({ ...scope, query }));
          const plan = store.plan();
          expect(fullyReadTables(plan)).toEqual([]);
          expect(indexesOf(plan)).not.toEqual([]);
        }
      }
    }
  });
});

/** The cursor behind the given row of a chat. */
async function cursorOf(
  { userId, chatId }: ChatOfUser,
  row: number,
  order: 'newest-first' | 'oldest-first',
): Promise<string> {
  const direction = order === 'newest-first' ? 'desc' : 'asc';
  const [last] = await made.database.query<{ id: string; at: Date }>(
    `select id, created_at as at from chat_messages where user_id = $1 and chat_id = $2
      order by created_at ${direction}, id ${direction} limit 1 offset $3`,
    [userId, chatId, row],
  );
  if (last === undefined) throw new Error(`the chat has no row ${row}`);
  return encodeCursor('messages.list', { key: last.at.toISOString(), id: last.id });
}
