import { Redis } from 'ioredis';
import { errAsync, ResultAsync } from 'neverthrow';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { watchStatements } from '../../bench/harness/sent-statements.js';
import { createMacroStore, type MacroStore } from '../../src/create-macro-store.js';
import { aKeyPrefix } from '../contract/cache-kit.js';
import {
  aMessage,
  appendAll,
  aUser,
  createServerStore,
  createUserWithChat,
  failure,
  must,
  type ServerStore,
  TINY,
} from '../support/builders.js';
import { seededRandom } from '../support/seeded-random.js';

let made: ServerStore;
let redis: Redis;
const opened: MacroStore[] = [];
beforeAll(async () => {
  made = await createServerStore();
  redis = new Redis(inject('redisUrl'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});
afterAll(async () => {
  redis.disconnect();
  await made[Symbol.asyncDispose]();
});

/** One process's store, told of changes; those with the same prefix share what Redis has. */
async function openStore(keyPrefix = aKeyPrefix()): Promise<MacroStore> {
  const store = createMacroStore({
    database: { url: made.database.url, max: 2 },
    redis: { url: inject('redisUrl'), keyPrefix },
    cache: { entities: true },
    embedding: TINY,
  });
  opened.push(store);
  await must(store.cache.get('anything'));
  await vi.waitFor(() => expect(store.cache.stats().coherence).toBe('tracking'), 5_000);
  return store;
}

/** What the work asks the database, by operation. */
async function askedFor(store: MacroStore, work: () => Promise<unknown>): Promise<readonly string[]> {
  const sent = await watchStatements(store, async () => void (await work()));
  return sent.map(({ name }) => name.replace(/#.*/, ''));
}

/** All reads that come through the cache. */
const readAll = async (store: MacroStore, chat: { userId: string; chatId: string }) => ({
  user: await must(store.users.findById(chat.userId)),
  sameUser: await must(store.users.getById(chat.userId)),
  chat: await must(store.chats.getById(chat)),
  isOwned: await must(store.chats.isOwnedBy(chat)),
  history: await must(store.messages.history(chat)),
  lastTwo: await must(store.messages.history({ ...chat, limit: 2 })),
});

describe('entities through the cache', () => {
  it('are read from the database once, and come back as the rows that they are', async () => {
    const store = await openStore();
    const chat = await createUserWithChat(store);
    await appendAll(store, chat, ['one', 'two', 'three']);
    const first = await readAll(store, chat);
    expect(await askedFor(store, () => readAll(store, chat))).toEqual([]);
    expect(await readAll(store, chat)).toEqual(first);
    expect(first).toEqual(await readAll(made.store, chat));
    expect(first.user?.createdAt).toBeInstanceOf(Date);
    expect(first.lastTwo.map(({ content }) => content)).toEqual(['two', 'three']);
  });

  it('are shared by processes through Redis', async () => {
    const keyPrefix = aKeyPrefix();
    const [one, other] = [await openStore(keyPrefix), await openStore(keyPrefix)];
    const chat = await createUserWithChat(one);
    await appendAll(one, chat, ['one']);
    const read = await readAll(one, chat);
    expect(await askedFor(other, async () => expect(await readAll(other, chat)).toEqual(read))).toEqual([]);
  });

  it('can be changed by who got them, without changing what others get', async () => {
    const store = await openStore();
    const chat = await createUserWithChat(store);
    await appendAll(store, chat, ['one']);
    await readAll(store, chat);
    const [message] = (await must(store.messages.history(chat))) as unknown as { content: string }[];
    if (message !== undefined) message.content = 'changed';
    expect((await must(store.messages.history(chat))).map(({ content }) => content)).toEqual(['one']);
  });

  it('are asked for again where there was nothing: a new row is seen at once', async () => {
    const store = await openStore();
    const { id: userId, email } = aUser({ id: crypto.randomUUID() }) as { id: string; email: string };
    const chat = { userId, chatId: crypto.randomUUID() };
    expect(await must(store.users.findById(userId))).toBeNull();
    expect(await must(store.users.findByEmail(email))).toBeNull();
    expect(await must(store.chats.isOwnedBy(chat))).toBe(false);
    expect(await must(store.messages.history(chat))).toEqual([]);
    expect((await failure(store.chats.getById(chat))).kind).toBe('not-found');
    await must(made.store.users.create({ id: userId, email }));
    await must(made.store.chats.create({ id: chat.chatId, userId, title: 'A chat' }));
    await must(made.store.messages.append({ ...chat, ...aMessage() }));
    expect((await must(store.users.findByEmail(email)))?.id).toBe(userId);
    expect(await must(store.chats.isOwnedBy(chat))).toBe(true);
    expect(await must(store.messages.history(chat))).toHaveLength(1);
  });

  it('are found by an address only as long as it is theirs', async () => {
    const store = await openStore();
    const before = aUser();
    const { id } = await must(store.users.create(before));
    const email = before.email.toUpperCase();
    expect((await must(store.users.findByEmail(email)))?.id).toBe(id);
    expect(await askedFor(store, () => must(store.users.findByEmail(before.email)))).toEqual([]);
    await must(store.users.update(id, { email: aUser().email }));
    expect(await must(store.users.findByEmail(email))).toBeNull();
    const { id: next } = await must(store.users.create(before));
    expect((await must(store.users.findByEmail(email)))?.id).toBe(next);
    await must(store.users.delete(next));
    expect(await must(store.users.findByEmail(email))).toBeNull();
  });

  it('answer a caller whose signal fires, and go on loading for the others', async () => {
    const store = await openStore();
    const { userId } = await createUserWithChat(store);
    const aborted = AbortSignal.abort();
    expect((await failure(store.users.findById(userId, { signal: aborted }))).kind).toBe('aborted');
    const controller = new AbortController();
    const mine = store.users.findById(userId, { signal: controller.signal });
    const theirs = store.users.findById(userId);
    controller.abort();
    expect((await failure(mine)).kind).toBe('aborted');
    expect((await must(theirs))?.id).toBe(userId);
    expect(await askedFor(store, () => must(store.users.findById(userId)))).toEqual([]);
  });
});

type Change = (store: MacroStore, chat: { userId: string; chatId: string }) => Promise<unknown>;
const messageOf = async (store: MacroStore, chat: { userId: string; chatId: string }) => ({
  ...chat,
  messageId: (await must(store.messages.list(chat))).items[0]?.id ?? '',
});

/** Every write of the repositories that a cached row can tell of. */
const CHANGES: Readonly<Record<string, Change>> = {
  'users.update': (store, { userId }) => must(store.users.update(userId, { firstName: 'Ada' })),
  'users.recordLogin': (store, { userId }) => must(store.users.recordLogin(userId)),
  'users.delete': (store, { userId }) => must(store.users.delete(userId)),
  'chats.rename': (store, chat) => must(store.chats.rename({ ...chat, title: 'Renamed' })),
  'chats.touch': (store, chat) => must(store.chats.touch(chat)),
  'chats.delete': (store, chat) => must(store.chats.delete(chat)),
  'messages.append': (store, chat) => must(store.messages.append({ ...chat, ...aMessage() })),
  'messages.appendMany': (store, chat) => appendAll(store, chat, ['four', 'five']),
  'messages.update': async (store, chat) =>
    must(store.messages.update({ ...(await messageOf(store, chat)), content: 'Changed' })),
  'messages.delete': async (store, chat) => must(store.messages.delete(await messageOf(store, chat))),
};

/** All reads, whatever they end in. */
const tryAll = async (store: MacroStore, chat: { userId: string; chatId: string }) => ({
  user: (await store.users.findById(chat.userId)).unwrapOr('failed'),
  chat: (await store.chats.findById(chat)).unwrapOr('failed'),
  isOwned: (await store.chats.isOwnedBy(chat)).unwrapOr('failed'),
  history: (await store.messages.history(chat)).unwrapOr('failed'),
});

describe('a write', () => {
  const ways: Readonly<
    Record<
      string,
      (store: MacroStore, change: Change, chat: { userId: string; chatId: string }) => Promise<unknown>
    >
  > = {
    'by itself': (store, change, chat) => change(store, chat),
    'in a transaction': (store, change, chat) =>
      must(store.transaction((tx) => ResultAsync.fromSafePromise(change(tx as unknown as MacroStore, chat)))),
    'in an inner transaction': (store, change, chat) =>
      must(
        store.transaction((tx) =>
          tx.transaction((inner) =>
            ResultAsync.fromSafePromise(change(inner as unknown as MacroStore, chat)),
          ),
        ),
      ),
  };
  for (const [way, run] of Object.entries(ways)) {
    it.each(Object.entries(CHANGES))(
      `${way}, %s, is seen at once here, and soon elsewhere`,
      async (_, change) => {
        const keyPrefix = aKeyPrefix();
        const [one, other] = [await openStore(keyPrefix), await openStore(keyPrefix)];
        const chat = await createUserWithChat(one);
        await appendAll(one, chat, ['one', 'two', 'three']);
        await readAll(one, chat);
        await readAll(other, chat);
        const before = await tryAll(made.store, chat);
        await run(one, change, chat);
        const truth = await tryAll(made.store, chat);
        expect(truth).not.toEqual(before);
        expect(await tryAll(one, chat)).toEqual(truth);
        await vi.waitFor(async () => expect(await tryAll(other, chat)).toEqual(truth), 5_000);
      },
    );
  }

  it('that is rolled back ends nothing, and is never seen', async () => {
    const store = await openStore();
    const chat = await createUserWithChat(store);
    await appendAll(store, chat, ['one', 'two', 'three']);
    const before = await readAll(store, chat);
    for (const change of Object.values(CHANGES)) {
      const rolledBack = store.transaction((tx) =>
        ResultAsync.fromSafePromise(change(tx as unknown as MacroStore, chat)).andThen(() =>
          errAsync('no' as const),
        ),
      );
      expect(await failure(rolledBack)).toBe('no');
      expect(await askedFor(store, async () => expect(await readAll(store, chat)).toEqual(before))).toEqual(
        [],
      );
    }
  });

  it('is read in its transaction, past the cache', async () => {
    const store = await openStore();
    const chat = await createUserWithChat(store);
    await readAll(store, chat);
    const title = await must(
      store.transaction((tx) =>
        tx.chats.rename({ ...chat, title: 'Within' }).andThen(() => tx.chats.getById(chat)),
      ),
    );
    expect(title.title).toBe('Within');
    expect((await must(store.chats.getById(chat))).title).toBe('Within');
  });

  it('is not undone by a load that read the database before it: the load is not stored', async () => {
    const keyPrefix = aKeyPrefix();
    const [writer, reader] = [await openStore(keyPrefix), await openStore(keyPrefix)];
    const chat = await createUserWithChat(writer);
    // The reader has its row, and is held up before it can store it.
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    let letGo = () => {};
    const isLetGo = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const pool = reader.pool;
    pool?.on('acquire', (client) => {
      const query = client.query;
      client.query = ((statement: { resolve?: (result: unknown) => void }, ...rest: unknown[]) => {
        const { resolve } = statement;
        if (resolve !== undefined) {
          statement.resolve = (result) => {
            arrive();
            void isLetGo.then(() => resolve(result));
          };
        }
        return Reflect.apply(query, client, [statement, ...rest]);
      }) as typeof client.query;
    });
    const reading = reader.chats.getById(chat);
    await arrived;
    await must(writer.chats.rename({ ...chat, title: 'Renamed' }));
    letGo();
    expect((await must(reading)).title).toBe('A chat');
    expect((await must(reader.chats.getById(chat))).title).toBe('Renamed');
    expect((await must(writer.chats.getById(chat))).title).toBe('Renamed');
  });
});

interface Step {
  readonly kind: 'reads' | 'writes';
  run(store: MacroStore): Promise<unknown>;
}

/**
 * What the requests of people who chat read and write: each looks at who asks and whose the chat is; a page shows the
 * chat and its end; a question reads what the model is given, and is followed by its answer and the page again.
 */
function* chatTrace(
  users: readonly { userId: string; email: string; chatIds: readonly string[] }[],
): Generator<Step> {
  const random = seededRandom(7);
  const below = (count: number) => Math.floor(random() * count);
  for (let session = 0; session < 60; session += 1) {
    // Some come often, most now and then.
    const user = users[Math.floor(users.length * random() ** 3)];
    if (user === undefined) continue;
    const { userId, email } = user;
    yield { kind: 'reads', run: (store) => must(store.users.findByEmail(email)) };
    for (let chats = 1 + below(3); chats > 0; chats -= 1) {
      const chat = { userId, chatId: user.chatIds[below(user.chatIds.length)] ?? '' };
      const page: Step = { kind: 'reads', run: (store) => readAll(store, chat) };
      yield page;
      for (let turns = below(8); turns > 0; turns -= 1) {
        yield {
          kind: 'reads',
          run: async (store) => {
            await must(store.users.getById(userId));
            await must(store.chats.isOwnedBy(chat));
            await must(store.messages.history(chat));
          },
        };
        yield {
          kind: 'writes',
          run: async (store) => {
            await must(store.messages.append({ ...chat, ...aMessage() }));
            await must(store.messages.append({ ...chat, ...aMessage({ role: 'assistant' }) }));
          },
        };
        yield page;
      }
    }
  }
}

it('serve more than nine of ten reads of a chat trace, behind two processes', async () => {
  const keyPrefix = aKeyPrefix();
  const stores = [await openStore(keyPrefix), await openStore(keyPrefix)] as const;
  const users = [];
  for (let count = 0; count < 20; count += 1) {
    const { userId, chatId } = await createUserWithChat(made.store);
    const { id } = await must(made.store.chats.create({ userId, title: 'Another' }));
    const { email } = await must(made.store.users.getById(userId));
    users.push({ userId, email, chatIds: [chatId, id] });
  }
  const counted = () => {
    const all = stores.map(({ cache }) => cache.stats());
    const sum = (count: (stats: (typeof all)[number]) => number) =>
      all.reduce((total, stats) => total + count(stats), 0);
    return { hits: sum((one) => one.memoryHits + one.redisHits), misses: sum(({ misses }) => misses) };
  };
  let [requests, hits, misses] = [0, 0, 0];
  for (const { kind, run } of chatTrace(users)) {
    const before = counted();
    // A question is read and written by one request.
    if (kind === 'reads') requests += 1;
    await run(stores[requests % 2 === 0 ? 0 : 1]);
    const after = counted();
    if (kind === 'reads') {
      hits += after.hits - before.hits;
      misses += after.misses - before.misses;
    } else {
      // People read and think for longer than it takes to read again what they changed.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const ratio = hits / (hits + misses);
  console.log(`${requests} requests, ${hits + misses} reads, ${(100 * ratio).toFixed(1)} % from the cache`);
  expect(ratio).toBeGreaterThan(0.9);
});
