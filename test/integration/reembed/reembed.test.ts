import { randomUUID } from 'node:crypto';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { createMacroStore } from '../../../src/create-macro-store.js';
import type { ReembedEvent } from '../../../src/reembed/events.js';
import { createUserWithChat, failure, must } from '../../support/builders.js';
import { differences, dumpCatalog } from '../../support/catalog-dump.js';
import { queryOnce } from '../../support/database-admin.js';
import { embeddingOf, embedWith, NEW, OLD, SAME_SHAPE } from '../../support/embed-text.js';
import {
  appendTexts,
  findText,
  mustReembed,
  reembed,
  rowsOf,
  storeOf,
  storeWithTexts,
  TEXTS,
} from '../../support/reembeddings.js';
import { createTestDatabase } from '../../support/test-database.js';

describe('vectors.reembed', () => {
  it.each([
    ['other dimensions', OLD, NEW],
    ['the same dimensions', OLD, SAME_SHAPE],
    [
      'another type of column',
      { dimensions: 1536, column: 'vector', model: 'small' } as const,
      { dimensions: 3072, column: 'halfvec', model: 'large' } as const,
    ],
  ])('moves every text to a model of %s', async (_name, before, after) => {
    await using database = await createTestDatabase({ template: false });
    await using store = storeOf(database, before);
    await must(store.migrate());
    const chat = await createUserWithChat(store);
    await appendTexts(store, chat, before, TEXTS);
    const old = await rowsOf(database, 'chat_vectors', before);

    expect(await mustReembed(store, after)).toMatchObject({ embedded: TEXTS.length, pending: 0 });

    expect(await rowsOf(database, 'chat_vectors', after)).toEqual(old);
    expect(await rowsOf(database, 'chat_vectors_previous', before)).toEqual(old);
    await using newStore = storeOf(database, after);
    expect(await findText(newStore, chat.userId, after, 'text 7')).toEqual(['text 7']);
    expect(await findText(store, chat.userId, before, 'text 7')).toEqual(['text 7']);
    await must(newStore.vectors.dropPreviousEmbeddings());
    expect(await findText(newStore, chat.userId, after, 'text 7')).toEqual(['text 7']);
    expect(
      (await failure(store.vectorSearch.semanticSearch(embeddingOf('text 7', before), chat.userId))).kind,
    ).toBe('dimension-mismatch');
  });

  it('keeps everything of a row but its embedding', async () => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    const ids = await must(
      store.vectors.insertMany({
        userId: chat.userId,
        vectors: [
          {
            chatId: chat.chatId,
            content: 'a piece',
            metadata: { page: 3 },
            embedding: embeddingOf('a piece', OLD),
          },
        ],
      }),
    );
    const records = () =>
      database.query(
        'select id, user_id, chat_id, message_id, content, metadata, created_at, updated_at from chat_vectors order by id',
      );
    const before = await records();
    expect(before).toContainEqual(expect.objectContaining({ id: ids[0], metadata: { page: 3 } }));
    await mustReembed(store, NEW);
    expect(await records()).toEqual(before);
  });

  it('leaves a database as a migration for the new model makes it, but for the check of the model', async () => {
    await using started = await storeWithTexts({ hnsw: 'build' });
    await using fresh = await createTestDatabase({ template: false });
    await using freshStore = storeOf(fresh, NEW);
    await must(freshStore.migrate());
    const { database, store } = started;

    await mustReembed(store, NEW);
    await must(store.vectors.dropPreviousEmbeddings());

    expect(differences(await dumpCatalog(database), await dumpCatalog(fresh))).toEqual({
      'constraint chat_vectors.chat_vectors_model_check': [expect.stringContaining("'new-model'"), undefined],
    });
    expect(
      await database.query(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace and proname like '%mirror%'",
      ),
    ).toEqual([]);
    expect((await must(storeOf(database, NEW).migrate())).applied).toEqual([]);
  });

  it('can be done again, to a third model', async () => {
    await using started = await storeWithTexts({ hnsw: 'build' });
    const { database, store, chat } = started;
    await mustReembed(store, NEW);
    await must(store.vectors.dropPreviousEmbeddings());
    const third = { dimensions: 16, column: 'vector', model: 'third-model' } as const;
    await using newStore = storeOf(database, NEW);
    await mustReembed(newStore, third);
    await using thirdStore = storeOf(database, third);
    expect(await findText(thirdStore, chat.userId, third, 'text 3')).toEqual(['text 3']);
    expect(await findText(newStore, chat.userId, NEW, 'text 3')).toEqual(['text 3']);
    await must(thirdStore.vectors.dropPreviousEmbeddings());
    expect(await must(thirdStore.vectors.reembedStatus())).toMatchObject({
      phase: 'finished',
      from: { model: 'new-model' },
      to: { model: 'third-model' },
    });
  });

  it('gives the new table the indexes, columns and rights that the application has added', async () => {
    await using started = await storeWithTexts();
    const { database, store } = started;
    await database.query(`alter table chat_vectors add column note json default '{"a": 1}'`);
    await database.query('create index my_metadata on chat_vectors using gin (metadata)');
    await database.query('create unique index "My unique" on chat_vectors (id, chat_id)');
    await database.query('grant select on chat_vectors to public');
    const before = await dumpCatalog(database);
    await mustReembed(store, NEW);
    await must(store.vectors.dropPreviousEmbeddings());
    expect(Object.keys(differences(before, await dumpCatalog(database)))).toEqual([
      'column chat_vectors.embedding',
      'column chat_vectors.embedding_code',
      'column chat_vectors.model',
      'column chat_vectors.note',
      'constraint chat_vectors.chat_vectors_model_check',
    ]);
    expect(await database.query('select distinct note::text from chat_vectors')).toEqual([
      { note: '{"a": 1}' },
    ]);
    const [rights] = await database.query(
      "select has_table_privilege('public', 'chat_vectors', 'select') as may",
    );
    expect(rights).toEqual({ may: true });
  });

  it('needs no more of a role that writes vectors than the right to write them', async () => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    const role = `macro_store_test_${randomUUID().slice(0, 8)}`;
    await database.query(`create role ${role} login password 'secret'`);
    onTestFinished(() => queryOnce(inject('postgresUrl'), `drop role ${role}`).then(() => undefined));
    await database.query(
      `grant select, insert, update, delete on users, chats, chat_messages, chat_vectors to ${role}`,
    );
    const url = new URL(database.url);
    url.username = role;
    url.password = 'secret';
    await using oldProcess = storeOf({ url: url.href }, OLD);
    let isFirst = true;
    await mustReembed(store, NEW, {
      embed: async (texts, options) => {
        if (isFirst) await appendTexts(oldProcess, chat, OLD, ['while it is filled']);
        isFirst = false;
        return embedWith(NEW)(texts, options);
      },
    });
    await appendTexts(oldProcess, chat, OLD, ['after the cut-over']);
    await using newProcess = storeOf({ url: url.href }, NEW);
    await appendTexts(newProcess, chat, NEW, ['by a new process']);
    await mustReembed(store, NEW);
    for (const text of ['while it is filled', 'after the cut-over', 'by a new process']) {
      expect(await findText(newProcess, chat.userId, NEW, text)).toEqual([text]);
    }
    expect((await failure(reembed(newProcess, NEW))).kind).toBe('permission-denied');
  });

  it('reports what it does in its order', async () => {
    await using started = await storeWithTexts({ hnsw: 'build' });
    const events: ReembedEvent[] = [];
    await mustReembed(started.store, NEW, { batchSize: 10, onProgress: (event) => events.push(event) });
    expect(events.filter(({ type }) => type !== 'index-build')).toEqual([
      { type: 'table-created' },
      { type: 'queued', rows: 25 },
      { type: 'embedded', rows: 10, total: 10, remaining: 15 },
      { type: 'embedded', rows: 10, total: 20, remaining: 5 },
      { type: 'embedded', rows: 5, total: 25, remaining: 0 },
      { type: 'index-built', index: 'idx_chat_vectors_next_content_fts' },
      { type: 'index-built', index: 'idx_chat_vectors_next_embedding_hnsw' },
      { type: 'queued', rows: 0 },
      { type: 'cut-over', heldMs: expect.any(Number) },
      { type: 'queued', rows: 0 },
    ]);
  });

  it('calls embed for so many texts, and so many calls, at a time', async () => {
    await using started = await storeWithTexts();
    const sizes: number[] = [];
    let running = 0;
    let most = 0;
    const open: (() => void)[] = [];
    await mustReembed(started.store, NEW, {
      batchSize: 5,
      concurrency: 3,
      embed: async (texts, options) => {
        sizes.push(texts.length);
        running += 1;
        most = Math.max(most, running);
        // Nobody goes on before three are there.
        if (sizes.length <= 3) {
          const gate = new Promise<void>((resolve) => open.push(resolve));
          if (open.length === 3) for (const release of open) release();
          await gate;
        }
        running -= 1;
        return embedWith(NEW)(texts, options);
      },
    });
    expect(sizes).toEqual([5, 5, 5, 5, 5]);
    expect(most).toBe(3);
  });

  it('has nothing to do once it is done', async () => {
    await using started = await storeWithTexts();
    await mustReembed(started.store, NEW);
    const none = { embedded: 0, pending: 0 };
    const embed = () => Promise.reject(new Error('not to be called'));
    expect(await mustReembed(started.store, NEW, { embed })).toMatchObject(none);
    await must(started.store.vectors.dropPreviousEmbeddings());
    expect(await mustReembed(started.store, NEW, { embed })).toMatchObject(none);
  });

  it.each([
    [{ dimensions: 0 }, 'dimensions'],
    [{ dimensions: 2_001, column: 'vector' as const }, 'dimensions'],
    [{ dimensions: 4_001 }, 'dimensions'],
    [{ model: '' }, 'model'],
    [{ model: 'a\0' }, 'model'],
    [{ embed: undefined as never }, 'embed'],
    [{ batchSize: 1_001 }, 'batchSize'],
    [{ concurrency: 0 }, 'concurrency'],
    [{ lockTimeoutMs: 0 }, 'lockTimeoutMs'],
    [{ maintenanceWorkMem: 'much' }, 'maintenanceWorkMem'],
    [{ onProgress: 1 as never }, 'onProgress'],
    [{ colum: 'vector' } as never, 'colum'],
  ])('refuses %o by its field', async (with_, path) => {
    await using store = storeOf({ url: 'postgresql://127.0.0.1:1/nowhere' }, OLD);
    const error = await failure(reembed(store, { ...NEW, column: undefined } as never, with_));
    expect(error).toMatchObject({ kind: 'invalid-input', issues: [{ path }] });
  });

  it('takes halfvec where a vector column is too narrow', async () => {
    await using started = await storeWithTexts();
    await must(
      started.store.vectors.reembed({
        dimensions: 2_048,
        model: 'wide',
        embed: async (texts) => texts.map((text) => embeddingOf(text, { ...NEW, dimensions: 2_048 })),
      }),
    );
    expect((await must(started.store.vectors.reembedStatus())).to).toEqual({
      dimensions: 2_048,
      column: 'halfvec',
      model: 'wide',
    });
  });

  it('says not-migrated before there are tables', async () => {
    await using database = await createTestDatabase({ template: false });
    await using store = storeOf(database, OLD);
    expect((await failure(reembed(store, NEW))).kind).toBe('not-migrated');
  });

  it('works on the embedded database', async () => {
    await using store = createMacroStore({ embedding: OLD });
    const chat = await createUserWithChat(store);
    await appendTexts(store, chat, OLD, TEXTS);
    expect(await must(store.vectors.reembedStatus())).toMatchObject({ phase: 'none' });
    expect(
      await mustReembed(store, NEW, {
        embed: async (texts, options) => {
          expect(await findText(store, chat.userId, OLD, 'text 1')).toEqual(['text 1']);
          expect(await must(store.vectors.reembedStatus())).toMatchObject({ phase: 'backfilling', rows: 25 });
          return embedWith(NEW)(texts, options);
        },
      }),
    ).toMatchObject({ embedded: 25, pending: 0 });
    expect(await findText(store, chat.userId, OLD, 'text 1')).toEqual(['text 1']);
    await must(store.vectors.dropPreviousEmbeddings());
    expect(await must(store.vectors.reembedStatus())).toMatchObject({ phase: 'finished', to: NEW });
  });
});
