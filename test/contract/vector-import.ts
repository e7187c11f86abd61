import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { sql } from 'drizzle-orm';
import { errAsync, okAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import { unredactedCauseOf } from '../../src/errors.js';
import type { ImportOptions, ImportProgress, NewVector } from '../../src/repositories/vectors.js';
import {
  aChat,
  aMessage,
  anEmbedding,
  aVector,
  createUserWithChat,
  failure,
  must,
} from '../support/builders.js';
import { everything, query } from './repositories.js';
import { embeddingOf } from './repositories-messages.js';

/** More than go in one statement, so that an error in the last row meets rows that were sent. */
const MANY = 1_200;

export function vectorImportContract(store: () => MacroStore): void {
  const load = (rows: AsyncIterable<NewVector> | Iterable<NewVector>, options?: ImportOptions) =>
    store().vectors.import(rows, options);
  const stored = async ({ userId }: { userId: string }) =>
    (await must(store().vectors.list({ userId, limit: 1_000 }))).items;

  /** Imports many good rows with the given one at the end; nothing may stay. */
  const refusal = async (chat: Chat, bad: object, options?: ImportOptions) => {
    const before = await everything(store());
    const last = { ...chat, ...aVector(chat), ...bad };
    const error = await failure(load([...someRows(chat, MANY), last], options));
    expect(await everything(store())).toEqual(before);
    return error;
  };

  describe('vectors.import', () => {
    it('stores the rows of several users as they are given', async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const { id: messageId } = await must(store().messages.append({ ...chat, ...aMessage() }));
      const rows: (NewVector & { id: string })[] = [
        { ...chat, id: randomUUID(), content: 'Grüße, 世界 👋', embedding: anEmbedding(1) },
        { ...other, id: randomUUID(), content: '', embedding: [...anEmbedding(2)], metadata: null },
        {
          ...chat,
          id: randomUUID(),
          content: 'x',
          embedding: anEmbedding(3),
          messageId,
          metadata: { a: ['é', 1] },
        },
      ];
      const report = await must(load(rows));
      expect(report).toEqual({ rows: 3, bytes: expect.any(Number), elapsedMs: expect.any(Number) });
      const records = [...(await stored(chat)), ...(await stored(other))];
      for (const { embedding, ...row } of rows) {
        expect(records.find(({ id }) => id === row.id)).toEqual({
          messageId: null,
          metadata: null,
          model: null,
          ...row,
          createdAt: expect.any(Date),
          updatedAt: expect.any(Date),
        });
        expect(await embeddingOf(store(), row.id)).toEqual([...embedding]);
      }
    });

    it.each([
      ['an array', (rows: NewVector[]) => rows],
      ['a generator', (rows: NewVector[]) => rows.values()],
      ['an asynchronous generator', asynchronous],
      ['a Readable', (rows: NewVector[]) => Readable.from(rows)],
    ])('takes %s of more rows than go in one statement', async (_name, source) => {
      const chat = await createUserWithChat(store());
      const { rows } = await must(load(source([...someRows(chat, 2_300)])));
      expect(rows).toBe(2_300);
      expect(await must(store().vectors.count(chat))).toBe(2_300);
      const [row] = await query<{ texts: number }>(
        store(),
        sql`select count(distinct content)::int as texts from chat_vectors where chat_id = ${chat.chatId}`,
      );
      expect(row?.texts).toBe(2_300);
    });

    it('takes no rows', async () => {
      expect((await must(load([]))).rows).toBe(0);
      expect((await must(load([], { onConflict: 'replace' }))).rows).toBe(0);
    });

    it('takes rows whose embedding is the same object with other numbers each time', async () => {
      const chat = await createUserWithChat(store());
      const ids = [randomUUID(), randomUUID(), randomUUID()];
      const reused = new Float32Array(8);
      function* rows() {
        for (const [index, id] of ids.entries()) {
          reused.set(anEmbedding(index + 1));
          yield { ...chat, ...aVector(chat), id, embedding: reused };
        }
      }
      await must(load(rows()));
      for (const [index, id] of ids.entries()) {
        expect(await embeddingOf(store(), id)).toEqual([...anEmbedding(index + 1)]);
      }
    });

    it('takes a row larger than all that usually go together', async () => {
      const chat = await createUserWithChat(store());
      const content = 'ä'.repeat(9_000_000);
      const rows = [aVector(chat), aVector({ ...chat, content }), aVector(chat)];
      await must(load(rows.map((row) => ({ ...chat, ...row }))));
      const lengths = (await stored(chat)).map((record) => record.content.length);
      expect(lengths.sort()).toEqual([6, 6, 9_000_000]);
    });

    it.each<[string, object, object]>([
      [
        'a chat that is not there',
        { chatId: randomUUID() },
        { kind: 'not-found', entity: 'chat', row: MANY },
      ],
      [
        'a message that is not there',
        { messageId: randomUUID() },
        { kind: 'not-found', entity: 'message', row: MANY },
      ],
      ['a field it does not know', { extra: 1 }, refused('extra')],
      ['an id that is none', { id: 'x' }, refused('id')],
      ['a text that cannot be stored', { content: '\u0000' }, refused('content')],
      ['a text that is too long', { content: 'x'.repeat(10_000_001) }, refused('content')],
      ['metadata that is none', { metadata: [1] }, refused('metadata')],
      ['an embedding that is missing', { embedding: undefined }, refused('embedding')],
      ['an embedding that is null', { embedding: null }, refused('embedding')],
      ['an embedding of zeros', { embedding: new Float32Array(8) }, refused('embedding')],
      ['a number that is none', { embedding: [1, 2, Number.NaN, 4, 5, 6, 7, 8] }, refused('embedding.2')],
    ])('keeps nothing because of %s, and names the row', async (_name, bad, expected) => {
      const chat = await createUserWithChat(store());
      expect(await refusal(chat, bad)).toMatchObject({ operation: 'vectors.import', ...expected });
    });

    it('names the row of an embedding with other dimensions', async () => {
      const error = await refusal(await createUserWithChat(store()), { embedding: [1, 2] });
      expect(error).toMatchObject({ kind: 'dimension-mismatch', expected: 8, actual: 2 });
      expect(error.message).toContain(`rows.${MANY}.embedding`);
    });

    it.each([null, undefined, 1, 'row', []])('names a row that is %s', async (row) => {
      const error = await failure(load([row] as unknown as NewVector[]));
      expect(error).toMatchObject({ kind: 'invalid-input' });
      expect(error.message).toContain('rows.0');
    });

    it("names the row of another user's chat or message, and of a message of another chat", async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const { id: secondChat } = await must(store().chats.create(aChat({ userId: chat.userId })));
      const foreign = await must(store().messages.append({ ...other, ...aMessage() }));
      const second = await must(store().messages.append({ ...chat, chatId: secondChat, ...aMessage() }));
      for (const onConflict of ['fail', 'replace'] as const) {
        expect(await refusal(chat, { chatId: other.chatId }, { onConflict })).toMatchObject({
          kind: 'not-found',
          entity: 'chat',
          row: MANY,
        });
        for (const messageId of [foreign.id, second.id]) {
          const error = await refusal(chat, { messageId }, { onConflict });
          expect(error).toMatchObject({ kind: 'not-found', entity: 'message', row: MANY });
        }
      }
    });

    it('keeps nothing because of an id that is stored, and names the row', async () => {
      const chat = await createUserWithChat(store());
      const id = await must(store().vectors.insert({ ...chat, ...aVector(chat) }));
      const error = await refusal(chat, { id });
      expect(error).toMatchObject({ kind: 'conflict', constraint: 'chat_vectors_pkey', row: MANY });
      expect(error.message).not.toContain(id);
    });

    it.each(['fail', 'replace'] as const)('refuses an id twice, near or far, with %s', async (onConflict) => {
      const chat = await createUserWithChat(store());
      const before = await everything(store());
      for (const distance of [1, 1_150]) {
        const rows = [...someRows(chat, MANY)];
        rows[20 + distance] = { ...rows[20 + distance], id: rows[20]?.id } as NewVector;
        const error = await failure(load(rows, { onConflict }));
        expect(error).toMatchObject({
          kind: 'conflict',
          constraint: 'chat_vectors_pkey',
          row: 20 + distance,
        });
      }
      expect(await everything(store())).toEqual(before);
    });

    it('replaces what the same user has, and adds the rest', async () => {
      const chat = await createUserWithChat(store());
      const rows = [...someRows(chat, MANY)];
      await must(load(rows.slice(0, 700)));
      await query(
        store(),
        sql`update chat_vectors set updated_at = '2026-01-01', created_at = '2026-01-01' where chat_id = ${chat.chatId}`,
      );
      const changed = rows.map((row, index) => ({
        ...row,
        content: `new ${index}`,
        embedding: anEmbedding(9),
      }));
      expect((await must(load(changed, { onConflict: 'replace' }))).rows).toBe(MANY);
      const facts = await query(
        store(),
        sql`select count(*)::int as rows, count(distinct content)::int as texts,
            count(*) filter (where created_at = '2026-01-01')::int as old,
            count(*) filter (where updated_at = '2026-01-01')::int as untouched
          from chat_vectors where chat_id = ${chat.chatId} and content like 'new %'`,
      );
      expect(facts).toEqual([{ rows: MANY, texts: MANY, old: 700, untouched: 0 }]);
      expect(await embeddingOf(store(), rows[0]?.id ?? '')).toEqual([...anEmbedding(9)]);
    });

    it("replaces nothing where one id is that of another user's vector, and names the row", async () => {
      const [chat, other] = [await createUserWithChat(store()), await createUserWithChat(store())];
      const id = await must(store().vectors.insert({ ...other, ...aVector(other) }));
      const error = await refusal(chat, { id }, { onConflict: 'replace' });
      expect(error).toMatchObject({ kind: 'conflict', constraint: 'chat_vectors_pkey', row: MANY });
    });

    it('keeps nothing when the source throws, and has what it threw', async () => {
      const chat = await createUserWithChat(store());
      const before = await everything(store());
      const thrown = new Error('no more');
      function* rows() {
        yield* someRows(chat, MANY);
        throw thrown;
      }
      const error = await failure(load(rows()));
      expect(error).toMatchObject({ kind: 'callback-threw', operation: 'vectors.import' });
      expect(error.message).toContain(`rows.${MANY}`);
      expect(error.message).not.toContain('no more');
      expect(unredactedCauseOf(error)).toBe(thrown);
      expect(await everything(store())).toEqual(before);
    });

    it('closes the source when a row is refused, when an option is, and not when it is at its end', async () => {
      const chat = await createUserWithChat(store());
      const source = (rows: Iterable<NewVector>) => {
        const iterator = rows[Symbol.iterator]();
        let closed = 0;
        const iterable = {
          [Symbol.asyncIterator]: () => ({
            next: async () => iterator.next(),
            return: async () => {
              closed += 1;
              return { done: true as const, value: undefined };
            },
          }),
        };
        return { iterable, closed: () => closed };
      };
      const bad = source([{ ...chat, ...aVector(chat), content: '\u0000' }]);
      await failure(load(bad.iterable));
      expect(bad.closed()).toBe(1);
      const unread = source([]);
      await failure(load(unread.iterable, { onConflict: 'ignore' as never }));
      expect(unread.closed()).toBe(1);
      const good = source(someRows(chat, 3));
      await must(load(good.iterable));
      expect(good.closed()).toBe(0);
    });

    it('destroys a Readable when it fails, also one that it has not begun to read', async () => {
      const chat = await createUserWithChat(store());
      const readable = Readable.from([{ ...chat, content: 'no embedding' }]);
      await failure(load(readable));
      expect(readable.destroyed).toBe(true);
      const unread = Readable.from([]);
      await failure(load(unread, { extra: 1 } as object));
      expect(unread.destroyed).toBe(true);
    });

    it('ends at once by its signal while the source keeps it waiting, and keeps nothing', async () => {
      const chat = await createUserWithChat(store());
      const before = await everything(store());
      const abort = new AbortController();
      let isClosed = false;
      const source = {
        async *[Symbol.asyncIterator]() {
          try {
            yield* someRows(chat, MANY);
            abort.abort();
            await new Promise(() => undefined);
          } finally {
            isClosed = true;
          }
        },
      };
      expect(await failure(load(source, { signal: abort.signal }))).toMatchObject({ kind: 'aborted' });
      expect(isClosed).toBe(false); // it never comes back from its own wait
      expect(await everything(store())).toEqual(before);
    });

    it('takes no row when its signal has fired before', async () => {
      const chat = await createUserWithChat(store());
      let taken = 0;
      function* rows() {
        for (const row of someRows(chat, 10)) {
          taken += 1;
          yield row;
        }
      }
      expect(await failure(load(rows(), { signal: AbortSignal.abort() }))).toMatchObject({ kind: 'aborted' });
      expect(taken).toBe(0);
    });

    it('tells its progress, and what can be found', async () => {
      const chat = await createUserWithChat(store());
      const told: ImportProgress[] = [];
      const rows = [...someRows(chat, MANY)];
      await must(load(rows, { onConflict: 'replace', onProgress: (progress) => told.push(progress) }));
      expect(told.map(({ phase }) => phase)).toContain('replacing');
      expect(told[0]).toEqual({
        phase: 'loading',
        rows: 0,
        bytes: 0,
        elapsedMs: expect.any(Number),
        searchable: { rows: 0, hnsw: 'as-before' },
      });
      expect(told.every(({ searchable }) => searchable.rows === 0)).toBe(true);
    });

    it('keeps nothing when onProgress throws', async () => {
      const chat = await createUserWithChat(store());
      const before = await everything(store());
      const onProgress = () => {
        throw new Error('mine');
      };
      const error = await failure(load(someRows(chat, MANY), { onProgress }));
      expect(error).toMatchObject({ kind: 'callback-threw' });
      expect(await everything(store())).toEqual(before);
    });

    it.each<[string, unknown, ImportOptions, string]>([
      ['a source that is none', 1, {}, 'source'],
      ['no source', undefined, {}, 'source'],
      ['an onConflict that is none', [], { onConflict: 'ignore' as never }, 'onConflict'],
      ['an hnsw that is none', [], { hnsw: 'skip' as never }, 'hnsw'],
      ['an onProgress that is none', [], { onProgress: 1 as never }, 'onProgress'],
      ['a signal that is none', [], { signal: 1 as never }, 'signal'],
      ['an option it does not know', [], { extra: 1 } as object, 'extra'],
      ['options that are none', [], null as never, 'input'],
    ])('refuses %s', async (_name, source, options, path) => {
      const error = await failure(load(source as NewVector[], options));
      expect(error).toMatchObject({ kind: 'invalid-input', issues: [{ path }] });
    });

    it('is part of a transaction it is called in', async () => {
      const chat = await createUserWithChat(store());
      const before = await everything(store());
      for (const onConflict of ['fail', 'replace'] as const) {
        const result = await store().transaction((scope) =>
          scope.chats.create(aChat({ userId: chat.userId })).andThen(({ id: chatId }) => {
            const rows = () => someRows({ userId: chat.userId, chatId }, MANY);
            return scope.vectors
              .import(rows(), { onConflict })
              .andThen(() => scope.vectors.import(rows(), { onConflict }))
              .andThen(() => scope.vectors.count({ userId: chat.userId, chatId }))
              .andThen((count) => errAsync({ kind: 'mine' as const, count }));
          }),
        );
        expect(result._unsafeUnwrapErr()).toEqual({ kind: 'mine', count: 2 * MANY });
      }
      expect(await everything(store())).toEqual(before);
    });

    it('leaves the transaction it failed in as it was before', async () => {
      const chat = await createUserWithChat(store());
      const result = await store().transaction((scope) =>
        scope.vectors
          .insert({ ...chat, ...aVector(chat) })
          .andThen((id) => scope.vectors.import([{ ...chat, ...aVector({ ...chat, id }) }]))
          .orElse((error) => okAsync(error.kind)),
      );
      expect(result._unsafeUnwrap()).toBe('conflict');
      expect(await must(store().vectors.count(chat))).toBe(1);
    });

    it('cannot rebuild the HNSW index in a transaction', async () => {
      const result = await store().transaction((scope) => scope.vectors.import([], { hnsw: 'rebuild' }));
      expect(result._unsafeUnwrapErr()).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'hnsw' }] });
    });
  });
}

interface Chat {
  readonly userId: string;
  readonly chatId: string;
}

export function* someRows({ userId, chatId }: Chat, count: number): Generator<NewVector> {
  for (let index = 0; index < count; index += 1) {
    yield { userId, chatId, id: randomUUID(), content: `text ${index}`, embedding: anEmbedding(index + 1) };
  }
}

async function* asynchronous(rows: readonly NewVector[]): AsyncGenerator<NewVector> {
  for (const row of rows) yield row;
}

const refused = (path: string) => ({ kind: 'invalid-input', issues: [{ path: `rows.${MANY}.${path}` }] });
