import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import type { ResultAsync } from 'neverthrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Repositories } from '../../src/create-macro-store.js';
import { query } from '../contract/repositories.js';
import {
  aMessage,
  anEmbedding,
  aUser,
  aVector,
  createServerStore,
  createUserWithChat,
  must,
  type ServerStore,
} from '../support/builders.js';

/** What one user has. */
interface Belongings {
  readonly userId: string;
  readonly email: string;
  readonly chats: readonly string[];
  readonly messages: readonly { readonly chatId: string; readonly id: string }[];
  readonly vectors: readonly string[];
}

/** Ids as an operation finds them: of either user, or of nobody. */
interface Picks {
  readonly chatId: string;
  readonly messageId: string;
  readonly vectorId: string;
  readonly cursors: { readonly chats: string; readonly messages: string; readonly vectors: string };
  readonly seed: number;
}

type Operation = (repositories: Scope, userId: string, picks: Picks) => ResultAsync<unknown, unknown>;
type Scope = Repositories & Pick<ServerStore['store'], 'vectorSearch'>;

/** Every method that takes a user's id, with ids that may be anybody's. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  'users.getById': (store, userId) => store.users.getById(userId),
  'users.update': (store, userId) => store.users.update(userId, { firstName: 'Eve' }),
  'users.update, address': (store, userId, { seed }) =>
    store.users.update(userId, { email: `${userId}${seed}@example.org` }),
  'users.recordLogin': (store, userId) => store.users.recordLogin(userId),
  'chats.create': (store, userId, { chatId }) => store.chats.create({ userId, id: chatId, title: 'mine' }),
  'chats.findById': (store, userId, { chatId }) => store.chats.findById({ userId, chatId }),
  'chats.getById': (store, userId, { chatId }) => store.chats.getById({ userId, chatId }),
  'chats.list': (store, userId) => store.chats.list({ userId }),
  'chats.list, cursor': (store, userId, { cursors }) => store.chats.list({ userId, cursor: cursors.chats }),
  'chats.rename': (store, userId, { chatId }) => store.chats.rename({ userId, chatId, title: 'mine' }),
  'chats.touch': (store, userId, { chatId }) => store.chats.touch({ userId, chatId }),
  'chats.delete': (store, userId, { chatId }) => store.chats.delete({ userId, chatId }),
  'messages.append': (store, userId, { chatId }) => store.messages.append({ userId, chatId, ...aMessage() }),
  'messages.append, id': (store, userId, { chatId, messageId, seed }) =>
    store.messages.append({ userId, chatId, ...aMessage({ id: messageId, embedding: anEmbedding(seed) }) }),
  'messages.appendMany': (store, userId, { chatId, messageId }) =>
    store.messages.appendMany({ userId, chatId, messages: [aMessage(), aMessage({ id: messageId })] }),
  'messages.appendMany, embeddings': (store, userId, { chatId, messageId, seed }) =>
    store.messages.appendMany({
      userId,
      chatId,
      messages: [aMessage({ id: messageId, embedding: anEmbedding(seed) }), aMessage()],
    }),
  'messages.findById': (store, userId, { chatId, messageId }) =>
    store.messages.findById({ userId, chatId, messageId }),
  'messages.list': (store, userId, { chatId }) => store.messages.list({ userId, chatId }),
  'messages.list, cursor': (store, userId, { chatId, cursors }) =>
    store.messages.list({ userId, chatId, cursor: cursors.messages, order: 'oldest-first' }),
  'messages.history': (store, userId, { chatId }) => store.messages.history({ userId, chatId }),
  'messages.update': (store, userId, { chatId, messageId }) =>
    store.messages.update({ userId, chatId, messageId, content: 'mine' }),
  'messages.update, embedding': (store, userId, { chatId, messageId, seed }) =>
    store.messages.update({ userId, chatId, messageId, content: 'mine', embedding: anEmbedding(seed) }),
  'messages.update, metadata': (store, userId, { chatId, messageId }) =>
    store.messages.update({ userId, chatId, messageId, metadata: { mine: true } }),
  'messages.delete': (store, userId, { chatId, messageId }) =>
    store.messages.delete({ userId, chatId, messageId }),
  'messages.search': (store, userId) => store.messages.search({ userId, query: 'theirs or hello' }),
  'messages.search, chat': (store, userId, { chatId }) =>
    store.messages.search({ userId, chatId, query: 'theirs', language: 'simple' }),
  'vectors.insert': (store, userId, { chatId, vectorId, seed }) =>
    store.vectors.insert({ userId, ...aVector({ chatId, id: vectorId, embedding: anEmbedding(seed) }) }),
  'vectors.insert, message': (store, userId, { chatId, messageId }) =>
    store.vectors.insert({ userId, ...aVector({ chatId, messageId }) }),
  'vectors.insertMany': (store, userId, { chatId, vectorId, messageId }) =>
    store.vectors.insertMany({
      userId,
      vectors: [aVector({ chatId }), aVector({ chatId, id: vectorId, messageId })],
    }),
  'vectors.findByMessage': (store, userId, { messageId }) =>
    store.vectors.findByMessage({ userId, messageId }),
  'vectors.list': (store, userId) => store.vectors.list({ userId }),
  'vectors.list, chat': (store, userId, { chatId }) => store.vectors.list({ userId, chatId }),
  'vectors.list, cursor': (store, userId, { cursors }) =>
    store.vectors.list({ userId, cursor: cursors.vectors }),
  'vectors.delete': (store, userId, { vectorId }) => store.vectors.delete({ userId, vectorId }),
  'vectors.deleteByMessage': (store, userId, { messageId }) =>
    store.vectors.deleteByMessage({ userId, messageId }),
  'vectors.deleteByChat': (store, userId, { chatId }) => store.vectors.deleteByChat({ userId, chatId }),
  'vectors.count': (store, userId, { chatId }) => store.vectors.count({ userId, chatId }),
  'vectorSearch.semanticSearch': (store, userId, { seed }) =>
    store.vectorSearch.semanticSearch(anEmbedding(seed), userId, { threshold: -1, limit: 1_000 }),
  'vectorSearch.semanticSearch, chat': (store, userId, { seed, chatId }) =>
    store.vectorSearch.semanticSearch(anEmbedding(seed), userId, { threshold: -1, chatId }),
  'users.delete': (store, userId) => store.users.delete(userId),
};

const pick = fc.record({
  /** Whose: mostly the other user's. */
  whose: fc.constantFrom('mine', 'theirs', 'theirs', 'nobody'),
  index: fc.nat(20),
  seed: fc.integer({ min: 1, max: 20 }),
});
const step = fc.record({
  name: fc.constantFrom(...Object.keys(OPERATIONS)),
  chat: pick,
  message: pick,
  vector: pick,
  inTransaction: fc.boolean(),
});
const size = fc.record({ chats: fc.integer({ min: 1, max: 3 }), perChat: fc.integer({ min: 2, max: 4 }) });

let made: ServerStore;
beforeAll(async () => {
  made = await createServerStore();
});
afterAll(() => made[Symbol.asyncDispose]());

describe('the user of a call', () => {
  it('never sees or changes a row of another user, whatever ids the call brings', async () => {
    await fc.assert(
      fc.asyncProperty(
        size,
        size,
        fc.array(step, { minLength: 10, maxLength: 30 }),
        async (my, their, steps) => {
          const [mine, theirs] = [await settle(my, 'mine'), await settle(their, 'theirs')];
          const cursors = await cursorsOf(theirs);
          const before = await rowsOf(theirs.userId);
          for (const { name, chat, message, vector, inTransaction } of steps) {
            const picks: Picks = {
              ...placeOf(chat, message, mine, theirs),
              vectorId: choose(vector, mine.vectors, theirs.vectors),
              cursors,
              seed: vector.seed,
            };
            const operation = OPERATIONS[name];
            if (operation === undefined) throw new Error(name);
            const { store } = made;
            const result = inTransaction
              ? await store.transaction((scope) =>
                  operation({ ...scope, vectorSearch: store.vectorSearch }, mine.userId, picks),
                )
              : await operation(store, mine.userId, picks);
            if (result.isOk()) {
              expect(JSON.stringify(result.value) ?? '', name).not.toMatch(marksOf(theirs));
            }
            expect(await rowsOf(theirs.userId), name).toEqual(before);
          }
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);

  it.each(Object.entries(OPERATIONS))('lets %s work on what is its own', async (_name, operation) => {
    const { store } = made;
    const mine = await settle({ chats: 1, perChat: 1 }, 'mine');
    const cursors = await cursorsOf(await settle({ chats: 2, perChat: 2 }, 'theirs'));
    const [chatId = '', messageId = '', vectorId = ''] = [
      mine.chats[0],
      mine.messages[0]?.id,
      mine.vectors[0],
    ];
    const stored = { chatId, messageId, vectorId, cursors, seed: 1 };
    const fresh = { ...stored, messageId: randomUUID(), vectorId: randomUUID(), seed: 2 };
    const results = [await operation(store, mine.userId, fresh), await operation(store, mine.userId, stored)];
    expect(results.filter((result) => result.isOk())).not.toEqual([]);
  });

  it('gets no row of another user by a retry with its id and its words', async () => {
    const { store } = made;
    const theirs = await settle({ chats: 1, perChat: 1 }, 'theirs');
    const mine = await createUserWithChat(store);
    const [message] = theirs.messages;
    const before = await rowsOf(theirs.userId);
    const append = { ...mine, ...aMessage({ ...(message && { id: message.id }), content: 'theirs 0' }) };
    expect(await store.messages.append(append)).toMatchObject({ error: { kind: 'conflict' } });
    const chat = { userId: mine.userId, id: theirs.chats[0] ?? '', title: 'theirs' };
    expect(await store.chats.create(chat)).toMatchObject({ error: { kind: 'conflict' } });
    expect(await rowsOf(theirs.userId)).toEqual(before);
  });
});

/** A user with chats, messages, vectors of messages and vectors of their own; `mark` is in every text. */
async function settle(
  { chats, perChat }: { chats: number; perChat: number },
  mark: string,
): Promise<Belongings> {
  const { store } = made;
  const { id: userId, email } = await must(store.users.create(aUser({ firstName: mark })));
  const belongings = {
    userId,
    email,
    chats: [] as string[],
    messages: [] as { chatId: string; id: string }[],
    vectors: [] as string[],
  };
  for (let index = 0; index < chats; index += 1) {
    const { id: chatId } = await must(store.chats.create({ userId, title: mark }));
    belongings.chats.push(chatId);
    const numbers = Array.from({ length: perChat }, (_, number) => number);
    const bodies = numbers.map((number) => aMessage({ content: `${mark} ${number}`, metadata: { mark } }));
    const messages = await must(store.messages.appendMany({ userId, chatId, messages: bodies }));
    belongings.messages.push(...messages.map(({ id }) => ({ chatId, id })));
    const vectors = messages.map(({ id: messageId }, number) =>
      aVector({ chatId, content: mark, messageId: number % 2 === 0 ? messageId : null }),
    );
    belongings.vectors.push(...(await must(store.vectors.insertMany({ userId, vectors }))));
  }
  return belongings;
}

interface Choice {
  readonly whose: string;
  readonly index: number;
}

function choose<T>({ whose, index }: Choice, mine: readonly T[], theirs: readonly T[]): T | string {
  const from = whose === 'mine' ? mine : whose === 'theirs' ? theirs : [];
  return from[index % (from.length || 1)] ?? randomUUID();
}

/** A message, and mostly the chat it is in: else no operation on a message would ever get past its chat. */
function placeOf(chat: Choice & { seed: number }, message: Choice, mine: Belongings, theirs: Belongings) {
  const chosen = choose(message, mine.messages, theirs.messages);
  const messageId = typeof chosen === 'string' ? chosen : chosen.id;
  const inItsChat = typeof chosen !== 'string' && chat.seed % 2 === 0;
  return { messageId, chatId: inItsChat ? chosen.chatId : choose(chat, mine.chats, theirs.chats) };
}

/** Where pages of the user's lists end; a user with more than one of everything has them all. */
async function cursorsOf({ userId, chats }: Belongings): Promise<Picks['cursors']> {
  const { store } = made;
  const [chatId = ''] = chats;
  const end = ({ nextCursor }: { nextCursor: string | null }) => nextCursor ?? '';
  return {
    chats: end(await must(store.chats.list({ userId, limit: 1 }))),
    messages: end(await must(store.messages.list({ userId, chatId, limit: 1 }))),
    vectors: end(await must(store.vectors.list({ userId, limit: 1 }))),
  };
}

/** Every row of a user, with the version of each. */
async function rowsOf(userId: string): Promise<readonly unknown[]> {
  return query(
    made.store,
    sql`select ctid, xmin, t::text from users t where id = ${userId}
      union all select ctid, xmin, t::text from chats t where user_id = ${userId}
      union all select ctid, xmin, t::text from chat_messages t where user_id = ${userId}
      union all select ctid, xmin, t::text from chat_vectors t where user_id = ${userId}
      order by 3`,
  );
}

/** What only the other user's rows hold. An id alone may come back: the caller gave it. */
function marksOf({ userId, email }: Belongings): RegExp {
  return new RegExp(`theirs|${userId}|${email}`);
}
