/** Programs that must compile; `npm run typecheck` reads this file, and nothing runs it. */
import { Readable } from 'node:stream';
import {
  createMacroStore,
  type JsonObject,
  type MacroStore,
  type MacroStoreConfig,
  type MessageRole,
  type StoreError,
  type StoreErrorKind,
} from '../../src/index.js';
import type { MetadataCondition, MetadataFilter } from '../../src/search/metadata-filter.js';

const userId = '0198f3b2-0000-7000-8000-000000000001';
const chatId = '0198f3b2-0000-7000-8000-000000000002';

export function storesFromEveryConfiguration(): MacroStore[] {
  return [
    createMacroStore(),
    createMacroStore({}),
    createMacroStore({ database: { embedded: true }, redis: false }),
    createMacroStore({ database: { embedded: { dataDir: './data' } } }),
    createMacroStore({ database: { url: 'postgresql://localhost/chat', max: 5, tls: { ca: '' } } }),
    createMacroStore({ embedding: { dimensions: 3072, column: 'halfvec' }, logger: console }),
  ];
}

export async function aChat(store: MacroStore): Promise<string> {
  const chat = await store.chats.create({ userId, title: 'Trip to Rome' });
  return chat.match(
    ({ title }) => title,
    (error) => error.kind,
  );
}

export async function everyKindOfErrorOfARead(store: MacroStore): Promise<string> {
  const found = await store.users.findById(userId);
  if (found.isOk()) return found.value === null ? 'nobody' : found.value.email;
  const { error } = found;
  switch (error.kind) {
    case 'invalid-input':
      return error.issues.map(({ path }) => path).join();
    case 'unavailable':
    case 'timeout':
    case 'pool-exhausted':
    case 'transaction-conflict':
      return error.retryable ? 'later' : 'never';
    case 'aborted':
    case 'transaction-ended':
    case 'reentrant-call':
    case 'not-migrated':
    case 'permission-denied':
    case 'closed':
    case 'internal':
      return error.operation;
    default:
      return error satisfies never;
  }
}

export function fieldsByKind(error: StoreError): string | number {
  if (error.kind === 'dimension-mismatch') return error.expected - error.actual;
  if (error.kind === 'conflict') return error.constraint;
  return error.message;
}

export function aSubset(error: StoreError<'not-found' | 'conflict'>): StoreErrorKind {
  return error.kind;
}

export function chainedCalls(store: MacroStore, metadata: JsonObject) {
  return store.chats
    .create({ userId, title: 'x' })
    .andThen((chat) =>
      store.messages.append({ userId, chatId: chat.id, role: 'user', content: 'Hello', metadata }),
    )
    .andThen(({ id }) => store.vectors.findByMessage({ userId, messageId: id }))
    .map((vectors) => vectors.length);
}

export function inATransaction(store: MacroStore) {
  return store.transaction(({ chats, messages, transaction }) =>
    chats
      .getById({ userId, chatId })
      .andThen(() => transaction((inner) => inner.messages.history({ userId, chatId })))
      .andThen(() => messages.delete({ userId, chatId, messageId: chatId })),
  );
}

export function embeddingsOfEitherForm(store: MacroStore, role: MessageRole) {
  const numbers: readonly number[] = [1, 2, 3];
  return [
    store.vectorSearch.semanticSearch(numbers, userId),
    store.vectorSearch.semanticSearch(new Float32Array(3), userId, { chatId, limit: 5, threshold: 0.5 }),
    store.messages.append({ userId, chatId, role, content: 'x', embedding: numbers, metadata: null }),
    store.vectors.insert({ userId, chatId, messageId: null, content: 'x', embedding: new Float32Array(3) }),
  ];
}

export function importsFromAnySource(store: MacroStore) {
  const row = { userId, chatId, content: 'x', embedding: [1, 2, 3] };
  async function* rows() {
    yield row;
  }
  return [
    store.vectors.import([row]),
    store.vectors.import(rows(), {
      onConflict: 'replace',
      hnsw: 'rebuild',
      signal: AbortSignal.timeout(1_000),
    }),
    store.vectors.import(Readable.from([row]), {
      onProgress: ({ searchable }) => console.log(searchable.rows),
    }),
    store.transaction(({ vectors }) => vectors.import(new Set([row]))),
  ];
}

export async function whyAnImportFailed(store: MacroStore): Promise<number | string | undefined> {
  const result = await store.vectors.import([]);
  if (result.isOk()) return result.value.rows;
  const { error } = result;
  if (error.kind === 'not-found' || error.kind === 'conflict') return error.row;
  if (error.kind === 'hnsw-switch-failed') return error.loadError?.kind ?? error.step;
  return error.kind === 'invalid-input' ? error.issues[0]?.path : error.message;
}

export function metadataOfAnyJson(store: MacroStore) {
  const metadata = {
    text: 'x',
    number: 1,
    flag: true,
    none: null,
    list: [1, 'a', { deep: [] }],
    object: { a: {} },
  };
  return store.messages.update({ userId, chatId, messageId: chatId, metadata });
}

export async function closedByItsBlock(): Promise<void> {
  await using store = createMacroStore();
  await store.users.list({ limit: 10 }, { signal: AbortSignal.timeout(1_000) });
}

export function filtersOnMetadata(tags: readonly string[], since: Date): MetadataFilter[] {
  const conditions: MetadataCondition[] = [
    { field: 'lang', eq: 'de' },
    { field: ['source', 'page'], ne: null },
    { field: 'lang', in: ['de', 1, true, null] },
    { field: 'lang', nin: tags },
    { field: 'at', gte: since.toISOString() },
    { field: 'size', lt: 10 },
    { field: 'draft', exists: false },
    { field: 'tags', contains: 'a' },
    { field: 'tags', contains: tags },
    { field: 'source', contains: { kind: 'pdf', pages: [1, { of: [] }] } },
  ];
  return [...conditions, { and: conditions }, { or: [] }, { not: { and: [{ or: conditions }] } }];
}

export function limitsByTheirNames(plain: MacroStore) {
  const store = createMacroStore({
    rateLimits: {
      chat: { limit: 60, windowSeconds: 60, burst: 10 },
      tokens: { limit: 1_000, windowSeconds: 60 },
    },
  });
  store.rateLimiter.consume(userId, 'chat');
  store.rateLimiter.consumeAll(userId, ['chat', { limit: 'tokens', cost: 20 }]);
  createMacroStore().rateLimiter.consume(userId, { limit: 5, windowSeconds: 60 });
  // A function for any store takes any name, and a store with names is such a store.
  plain.rateLimiter.consume(userId, 'any');
  const config: MacroStoreConfig = {};
  const some: MacroStore[] = [store, createMacroStore(config), createMacroStore()];
  return some;
}
