import { randomUUID } from 'node:crypto';
import type { ResultAsync } from 'neverthrow';
import { createMacroStore, type MacroStore } from '../../src/create-macro-store.js';
import type { NewChat } from '../../src/repositories/chats.js';
import type { Message, MessageBody } from '../../src/repositories/messages.js';
import type { NewUser } from '../../src/repositories/users.js';
import type { VectorBody } from '../../src/repositories/vectors.js';
import type { EmbeddingShape } from '../../src/schema/embedding-shape.js';
import { seededRandom } from './seeded-random.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';

/** Embeddings of as few numbers as tell rows apart. */
export const TINY: EmbeddingShape = { dimensions: 8, column: 'vector' };

export const aUser = (with_: Partial<NewUser> = {}): NewUser => ({
  email: `${randomUUID()}@example.org`,
  ...with_,
});

export const aChat = (with_: Partial<NewChat> & { userId: string }): NewChat => ({
  title: 'A chat',
  ...with_,
});

export const aMessage = (with_: Partial<MessageBody> = {}): MessageBody => ({
  role: 'user',
  content: 'Hello',
  ...with_,
});

export const aVector = (with_: Partial<VectorBody> & { chatId: string }): VectorBody => ({
  content: 'A text',
  embedding: anEmbedding(1),
  ...with_,
});

/** The same numbers for the same seed, in every direction. */
export function anEmbedding(seed: number, dimensions = TINY.dimensions): Float32Array {
  const next = seededRandom(seed);
  return Float32Array.from({ length: dimensions }, () => next() * 2 - 1);
}

/** As {@link anEmbedding}, along one axis only: similarities are plain numbers. */
export function along(axis: number, dimensions = TINY.dimensions): Float32Array {
  const embedding = new Float32Array(dimensions);
  embedding[axis] = 1;
  return embedding;
}

/** The value of a call that has to work for the test to make sense. */
export async function must<T, E>(call: ResultAsync<T, E>): Promise<T> {
  const result = await call;
  if (result.isErr()) throw result.error;
  return result.value;
}

/** The error of a call that has to fail. */
export async function failure<T, E>(call: ResultAsync<T, E>): Promise<E> {
  return (await call)._unsafeUnwrapErr();
}

export async function createUserWithChat(
  store: Pick<MacroStore, 'users' | 'chats'>,
  title = 'A chat',
): Promise<{ userId: string; chatId: string }> {
  const { id: userId } = await must(store.users.create(aUser()));
  const { id: chatId } = await must(store.chats.create({ userId, title }));
  return { userId, chatId };
}

/** Messages of the given contents, one after the other. */
export function appendAll(
  store: Pick<MacroStore, 'messages'>,
  chat: { userId: string; chatId: string },
  contents: readonly string[],
): Promise<readonly Message[]> {
  const messages = contents.map((content) => aMessage({ content }));
  return must(store.messages.appendMany({ ...chat, messages }));
}

export interface ServerStore extends AsyncDisposable {
  readonly store: MacroStore;
  readonly database: TestDatabase;
}

/** A store on an empty, migrated database of its own; tiny embeddings and no HNSW unless asked for. */
export async function createServerStore({
  embedding = TINY,
  hnsw = 'skip',
}: {
  embedding?: EmbeddingShape;
  hnsw?: 'build' | 'skip';
} = {}): Promise<ServerStore> {
  const database = await createTestDatabase({ template: false });
  const store = createMacroStore({ database: { url: database.url, max: 4 }, embedding });
  await must(store.migrate({ hnsw }));
  return {
    store,
    database,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database.drop();
    },
  };
}
