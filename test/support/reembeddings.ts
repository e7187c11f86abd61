import { createMacroStore, type MacroStore } from '../../src/create-macro-store.js';
import type { ReembedOptions, ReembedReport } from '../../src/reembed/reembedding.js';
import { createUserWithChat, must } from './builders.js';
import { embeddingOf, embedWith, type Model, OLD } from './embed-text.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';

export function storeOf(database: Pick<TestDatabase, 'url'>, embedding: Model): MacroStore {
  return createMacroStore({ database: { url: database.url, max: 6 }, embedding });
}

/** A whole re-embedding, with what a test says otherwise. */
export function reembed(store: MacroStore, model: Model, with_: Partial<ReembedOptions> = {}) {
  return store.vectors.reembed({ ...model, embed: embedWith(model), ...with_ });
}

export const mustReembed = (
  store: MacroStore,
  model: Model,
  with_: Partial<ReembedOptions> = {},
): Promise<ReembedReport> => must(reembed(store, model, with_));

/** Adds messages with their vectors, and gives their ids. */
export async function appendTexts(
  store: MacroStore,
  chat: { userId: string; chatId: string },
  model: Model,
  contents: readonly string[],
): Promise<readonly string[]> {
  const messages = contents.map((content) => ({
    role: 'user' as const,
    content,
    embedding: embeddingOf(content, model),
  }));
  return (await must(store.messages.appendMany({ ...chat, messages }))).map(({ id }) => id);
}

/** The contents of the hits at the place of a text, under a threshold that only the text itself meets. */
export async function findText(
  store: MacroStore,
  userId: string,
  model: Model,
  text: string,
): Promise<readonly string[]> {
  const hits = await must(
    store.vectorSearch.semanticSearch(embeddingOf(text, model), userId, { threshold: 0.99 }),
  );
  return hits.map(({ content }) => content);
}

interface StoredRow extends Record<string, unknown> {
  readonly id: string;
  readonly content: string;
  readonly model: string | null;
  readonly embedding: string;
}

/** Ids and contents of a table whose every row has the model's embedding of its content; throws for one that has not. */
export async function rowsOf(
  database: TestDatabase,
  table: string,
  model: Model,
): Promise<Readonly<Record<string, string>>> {
  const rows = await database.query<StoredRow>(
    `select id, content, model, embedding::vector::text as embedding from ${table} order by id`,
  );
  for (const row of rows) {
    const stored = JSON.parse(row.embedding) as number[];
    const wanted = embeddingOf(row.content, model);
    const isRight = wanted.every((value, index) => Math.abs(value - (stored[index] ?? 9)) < 1e-3);
    if (!isRight || row.model !== model.model || stored.length !== wanted.length) {
      throw new Error(`the row of "${row.content}" in ${table} has an embedding of another text or model`);
    }
  }
  return Object.fromEntries(rows.map(({ id, content }) => [id, content]));
}

export const TEXTS = Array.from({ length: 25 }, (_, index) => `text ${index}`);

interface StoreWithTexts extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly store: MacroStore;
  readonly chat: { userId: string; chatId: string };
}

/** A store of the model {@link OLD} with {@link TEXTS} in one chat. */
export async function storeWithTexts({
  hnsw = 'skip',
}: {
  hnsw?: 'build' | 'skip';
} = {}): Promise<StoreWithTexts> {
  const database = await createTestDatabase({ template: false });
  const store = storeOf(database, OLD);
  await must(store.migrate({ hnsw }));
  const chat = await createUserWithChat(store);
  await appendTexts(store, chat, OLD, TEXTS);
  return {
    database,
    store,
    chat,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database.drop();
    },
  };
}
