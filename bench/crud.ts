import { deepStrictEqual } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { MacroStore } from '../src/index.js';
import { queryOnce } from '../test/support/database-admin.js';
import {
  chatId,
  copyToMastra,
  LONG_CHAT,
  randomEmbeddings,
  runAll,
  SIZES,
  seed,
  userId,
} from './crud/data.js';
import { openDrizzle } from './crud/drizzle.js';
import type { Mastra, MastraPeer } from './crud/mastra-port.js';
import { openRaw, type Samples } from './crud/raw.js';
import { openTextInsert } from './crud/text-insert.js';
import type { NewRow, VectorBatch } from './crud/ways.js';
import { loadLibrary, loadPeer, openEnvironment, versionOf } from './harness/environment.js';
import { type Measurement, measure } from './harness/measure.js';
import { atLeast, atMost, type Report, ratioOf, timingsOf } from './harness/report.js';
import { watchStatements } from './harness/sent-statements.js';

export const name = 'crud';

const POOL_SIZE = 10;
const PAGE = { messages: 50, chats: 20 };
const BATCH = 500;
const STEPS = { short: 1_000, append: 300, batch: 20 };

/** Everything a measurement needs, opened once. */
interface Ways {
  readonly store: MacroStore;
  readonly raw: Awaited<ReturnType<typeof openRaw>>;
  readonly drizzle: ReturnType<typeof openDrizzle>;
  readonly textInsert: ReturnType<typeof openTextInsert>;
  readonly mastra: Mastra;
  readonly databaseUrl: string;
}

export async function run(): Promise<Report> {
  await using environment = await openEnvironment();
  const { databaseUrl } = environment;
  const { createMacroStore } = await loadLibrary();
  const { openMastra } = await loadPeer<MastraPeer>('mastra.ts');

  await using store = createMacroStore({
    database: { url: databaseUrl, max: POOL_SIZE },
    redis: false,
  });
  (await store.migrate({ hnsw: 'skip' }))._unsafeUnwrap();
  await seed(databaseUrl);
  const mastra = await openMastra(databaseUrl, POOL_SIZE, SIZES.dimensions);
  await copyToMastra(databaseUrl);

  const batches = Array.from({ length: 4 }, vectorBatch);
  const samples: Samples = {
    userId: userId(1),
    chat: LONG_CHAT,
    message: newMessage(0),
    batch: vectorBatch(),
    pageSizes: PAGE,
  };
  const sent = await watchStatements(store, () => useOnce(store, samples));
  const ways: Ways = {
    store,
    raw: await openRaw(sent, samples, databaseUrl, POOL_SIZE),
    drizzle: openDrizzle(databaseUrl, POOL_SIZE),
    textInsert: openTextInsert(databaseUrl, POOL_SIZE),
    mastra,
    databaseUrl,
  };

  await assertSameRows(ways);
  const getUser = await measureGetUser(ways);
  const listMessages = await measureListMessages(ways);
  const listChats = await measureListChats(ways);
  const append = await measureAppend(ways);
  const insertMany = await measureInsertMany(ways, batches);
  for (const way of [ways.raw, ways.drizzle, ways.textInsert, mastra]) await way.close();

  const overhead = [getUser, listMessages, listChats].map((reads) => ratioOf(reads, 'store', 'pg', 'lowest'));
  const getUserGain = ratioOf(getUser, 'drizzle', 'store', 'highest');
  const mastraGain = ratioOf(listMessages, 'mastra', 'store', 'highest');
  const insertGain = ratioOf(insertMany, 'pg text', 'store', 'highest');
  return {
    suite: name,
    data: {
      ...SIZES,
      batch: BATCH,
      poolSize: POOL_SIZE,
      hnswIndex: 'none',
    },
    versions: {
      ...environment.versions,
      pg: versionOf('pg'),
      'drizzle-orm': versionOf('drizzle-orm'),
      '@mastra/pg': versionOf('@mastra/pg', 'peers'),
    },
    results: [getUser, listMessages, listChats, append, insertMany].flatMap(timingsOf),
    ratios: [
      ...overhead,
      ratioOf(append, 'store', 'pg', 'lowest'),
      ratioOf(insertMany, 'store', 'pg', 'lowest'),
      getUserGain,
      ratioOf(listMessages, 'drizzle', 'store', 'highest'),
      ratioOf(listChats, 'drizzle', 'store', 'highest'),
      ratioOf(append, 'drizzle', 'store', 'highest'),
      mastraGain,
      ratioOf(listMessages, 'mastra, no total', 'store', 'highest'),
      ratioOf(listChats, 'mastra', 'store', 'highest'),
      ratioOf(append, 'mastra', 'store', 'highest'),
      insertGain,
      ratioOf(insertMany, 'drizzle', 'store', 'highest'),
      ratioOf(insertMany, 'mastra', 'store', 'highest'),
    ],
    gates: [
      ...overhead.map((ratio) => atMost(ratio, 1.1)),
      atLeast(getUserGain, 1.5),
      atLeast(mastraGain, 10),
      atLeast(insertGain, 5),
    ],
  };
}

function measureGetUser({ store, raw, drizzle }: Ways): Promise<Measurement> {
  return measure({
    name: 'users.getById',
    input: (step) => userId(1 + ((step * 7919) % SIZES.users)),
    steps: STEPS.short,
    warmUp: 100,
    candidates: [
      { name: 'store', run: async (id) => (await store.users.getById(id))._unsafeUnwrap() },
      { name: 'pg', run: raw.getUser },
      { name: 'drizzle', run: drizzle.getUser },
    ],
  });
}

function measureListMessages({ store, raw, drizzle, mastra }: Ways): Promise<Measurement> {
  const limit = PAGE.messages;
  return measure({
    name: `messages.list(${limit})`,
    input: () => LONG_CHAT,
    steps: STEPS.short,
    warmUp: 50,
    candidates: [
      { name: 'store', run: async (chat) => (await store.messages.list({ ...chat, limit }))._unsafeUnwrap() },
      { name: 'pg', run: (chat) => raw.listMessages(chat, limit) },
      { name: 'drizzle', run: (chat) => drizzle.listMessages(chat, limit) },
      { name: 'mastra', run: (chat) => mastra.listMessages(chat.chatId, limit, true), every: 20 },
      { name: 'mastra, no total', run: (chat) => mastra.listMessages(chat.chatId, limit, false), every: 10 },
    ],
  });
}

function measureListChats({ store, raw, drizzle, mastra }: Ways): Promise<Measurement> {
  const limit = PAGE.chats;
  return measure({
    name: `chats.list(${limit})`,
    input: (step) => userId(1 + (step % SIZES.usersWithChats)),
    steps: STEPS.short,
    warmUp: 50,
    candidates: [
      {
        name: 'store',
        run: async (user) => (await store.chats.list({ userId: user, limit }))._unsafeUnwrap(),
      },
      { name: 'pg', run: (user) => raw.listChats(user, limit) },
      { name: 'drizzle', run: (user) => drizzle.listChats(user, limit) },
      { name: 'mastra', run: (user) => mastra.listThreads(user, limit), every: 10 },
    ],
  });
}

function measureAppend({ store, raw, drizzle, mastra }: Ways): Promise<Measurement> {
  return measure({
    name: 'messages.append',
    // Another chat with every step: the same one again and again would gather dead versions of its row.
    input: newMessage,
    steps: STEPS.append,
    warmUp: 50,
    candidates: [
      { name: 'store', run: async (row) => (await store.messages.append(row))._unsafeUnwrap() },
      { name: 'pg', run: raw.append },
      { name: 'drizzle', run: drizzle.append },
      {
        name: 'mastra',
        run: (row) =>
          mastra.saveMessage({
            id: randomUUID(),
            threadId: row.chatId,
            resourceId: row.userId,
            text: row.content,
            createdAt: new Date(),
          }),
      },
    ],
  });
}

function measureInsertMany(
  { store, raw, drizzle, textInsert, mastra, databaseUrl }: Ways,
  batches: readonly VectorBatch[],
): Promise<Measurement> {
  return measure({
    name: `vectors.insertMany(${BATCH})`,
    input: (step) => batches[step % batches.length] ?? vectorBatch(),
    steps: STEPS.batch,
    warmUp: 3,
    candidates: [
      { name: 'store', run: (batch) => insertByStore(store, batch) },
      { name: 'pg', run: raw.insertVectors },
      { name: 'pg text', run: textInsert.insertVectors },
      { name: 'drizzle', run: drizzle.insertVectors },
      { name: 'mastra', run: ({ rows }) => mastra.upsertVectors(rows) },
    ],
    // The tables stay small, and no candidate pays for the rows of another.
    afterStep: (step) =>
      step % 5 === 4 ? runAll(databaseUrl, ['truncate chat_vectors, mastra_vectors']) : Promise.resolve(),
  });
}

async function insertByStore(
  store: MacroStore,
  { userId: owner, rows }: VectorBatch,
): Promise<readonly string[]> {
  return (await store.vectors.insertMany({ userId: owner, vectors: rows }))._unsafeUnwrap();
}

/** A batch of one user, spread over ten of the user's chats. */
function vectorBatch(): VectorBatch {
  const embeddings = randomEmbeddings(BATCH);
  return {
    userId: userId(2),
    rows: embeddings.map((embedding, index) => ({
      chatId: chatId(2, 1 + (index % 10)),
      content: `What was said in place ${index} of the batch. `.repeat(5),
      embedding,
    })),
  };
}

function newMessage(step: number): NewRow {
  return {
    userId: userId(3),
    chatId: chatId(3, 1 + (step % SIZES.chatsOfUser)),
    role: 'user',
    content: `What I meant to say is number ${step}. `.repeat(6),
  };
}

/** Makes the store send every statement that raw pg is to send. */
async function useOnce(store: MacroStore, { chat, message, batch, ...samples }: Samples): Promise<void> {
  (await store.users.getById(samples.userId))._unsafeUnwrap();
  (await store.messages.list({ ...chat, limit: PAGE.messages }))._unsafeUnwrap();
  (await store.chats.list({ userId: samples.userId, limit: PAGE.chats }))._unsafeUnwrap();
  (await store.messages.append(message))._unsafeUnwrap();
  await insertByStore(store, batch);
}

/** That all candidates give the same rows, of the same types, in the same order: else the times say nothing. */
async function assertSameRows({ store, raw, drizzle, textInsert, mastra, databaseUrl }: Ways): Promise<void> {
  for (const n of [1, 2, 3, SIZES.users]) {
    const user = (await store.users.getById(userId(n)))._unsafeUnwrap();
    deepStrictEqual(await raw.getUser(userId(n)), user);
    deepStrictEqual(await drizzle.getUser(userId(n)), user);
  }

  const { items } = (await store.messages.list({ ...LONG_CHAT, limit: PAGE.messages }))._unsafeUnwrap();
  deepStrictEqual(items.length, PAGE.messages);
  deepStrictEqual(await raw.listMessages(LONG_CHAT, PAGE.messages), items);
  deepStrictEqual(await drizzle.listMessages(LONG_CHAT, PAGE.messages), items);
  const inMastra = items.map(({ id, content, createdAt }) => ({
    id,
    threadId: LONG_CHAT.chatId,
    resourceId: LONG_CHAT.userId,
    text: content,
    createdAt,
  }));
  for (const includeTotal of [true, false]) {
    deepStrictEqual(await mastra.listMessages(LONG_CHAT.chatId, PAGE.messages, includeTotal), inMastra);
  }

  for (const n of [1, SIZES.usersWithChats]) {
    const chats = (await store.chats.list({ userId: userId(n), limit: PAGE.chats }))._unsafeUnwrap().items;
    deepStrictEqual(chats.length, PAGE.chats);
    deepStrictEqual(await raw.listChats(userId(n), PAGE.chats), chats);
    deepStrictEqual(await drizzle.listChats(userId(n), PAGE.chats), chats);
    const threads = await mastra.listThreads(userId(n), PAGE.chats);
    deepStrictEqual(
      threads.map(({ id }) => id),
      chats.map(({ id }) => id),
    );
  }

  const message = newMessage(1);
  const appended = (await store.messages.append(message))._unsafeUnwrap();
  for (const other of [await raw.append(message), await drizzle.append(message)]) {
    deepStrictEqual(other, { ...appended, id: other?.id, createdAt: other?.createdAt });
  }

  const batch = vectorBatch();
  const stored = await Promise.all([
    insertByStore(store, batch),
    raw.insertVectors(batch),
    textInsert.insertVectors(batch),
    drizzle.insertVectors(batch),
  ]);
  const inserted = new Set<string>();
  for (const ids of stored) {
    deepStrictEqual(ids.length, BATCH);
    inserted.add(await checksum(databaseUrl, 'chat_vectors where id = any($1::uuid[])', ids));
  }
  const mastraIds = await mastra.upsertVectors(batch.rows);
  inserted.add(await checksum(databaseUrl, 'mastra_vectors where vector_id = any($1)', mastraIds));
  deepStrictEqual(inserted.size, 1);
}

/** Of the embeddings stored, in whatever order. */
async function checksum(databaseUrl: string, rows: string, ids: readonly string[]): Promise<string> {
  const found = await queryOnce<{ checksum: string }>(
    databaseUrl,
    `select md5(string_agg(md5(embedding::text), '' order by md5(embedding::text))) as checksum from ${rows}`,
    [ids],
  );
  return `${found[0]?.checksum}`;
}
