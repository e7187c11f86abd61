import pg from 'pg';
import { describe, expect, it } from 'vitest';
import type { EmbedTexts } from '../../../src/reembed/reembedding.js';
import { must } from '../../support/builders.js';
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
import type { TestDatabase } from '../../support/test-database.js';

/** Embeds, and before the first answer does something once. */
function embedAfter(first: () => Promise<unknown>, model = NEW): EmbedTexts {
  let done: Promise<unknown> | null = null;
  return async (texts, options) => {
    done ??= first();
    await done;
    return embedWith(model)(texts, options);
  };
}

async function connected(database: TestDatabase) {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return {
    query: (text: string, values: unknown[] = []) => client.query(text, values),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

async function contentsNow(database: TestDatabase, model: typeof NEW | typeof SAME_SHAPE = NEW) {
  return Object.values(await rowsOf(database, 'chat_vectors', model)).sort();
}

/** What both tables hold. */
async function contents(database: TestDatabase, model: typeof NEW | typeof SAME_SHAPE = NEW) {
  const now = await contentsNow(database, model);
  const previous = Object.values(await rowsOf(database, 'chat_vectors_previous', OLD)).sort();
  return { now, previous };
}

const others = (...without: string[]) => TEXTS.filter((text) => !without.includes(text));

describe('a text that changes while it is embedded', () => {
  it('is embedded again: the old embedding never wins', async () => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    const [messageId = ''] = await appendTexts(store, chat, OLD, ['before']);
    const asked: string[] = [];
    const change = embedAfter(() =>
      must(
        store.messages.update({ ...chat, messageId, content: 'after', embedding: embeddingOf('after', OLD) }),
      ),
    );
    const upsert = { id: crypto.randomUUID(), chatId: chat.chatId };
    const put = (content: string) =>
      must(
        store.vectors.insert({
          userId: chat.userId,
          ...upsert,
          content,
          embedding: embeddingOf(content, OLD),
        }),
      );
    await put('one');
    const embed = embedAfter(() => put('two'));
    await mustReembed(store, NEW, {
      embed: async (texts, options) => {
        asked.push(...texts);
        await change(texts, options);
        return embed(texts, options);
      },
    });
    expect(asked).toEqual(expect.arrayContaining(['before', 'after', 'one', 'two']));
    const expected = [...TEXTS, 'after', 'two'].sort();
    expect(await contents(database)).toEqual({ now: expected, previous: expected });
  });

  it('in a transaction that is still open when its embedding comes, waits for that one only', async () => {
    await using started = await storeWithTexts();
    const { database, store } = started;
    await using writer = await connected(database);
    await writer.query('begin');
    let batches = 0;
    const embed: EmbedTexts = async (texts, options) => {
      batches += 1;
      if (batches === 1)
        await writer.query("update chat_vectors set content = 'changed' where content = 'text 3'");
      // By now all other rows have been written.
      if (batches === 6) await writer.query('commit');
      return embedWith(NEW)(texts, options);
    };
    await mustReembed(store, NEW, { embed, batchSize: 5 });
    // Again for the one that was skipped, and once more for its new text.
    expect(batches).toBeGreaterThanOrEqual(6);
    expect(await contentsNow(database)).toEqual([...others('text 3'), 'changed'].sort());
  });

  it('back to what it was by a rollback, is embedded all the same', async () => {
    await using started = await storeWithTexts();
    const { database, store } = started;
    await reembed(store, NEW, { embed: () => Promise.reject(new Error()) });
    await database.query('delete from chat_vectors_pending');
    await using writer = await connected(database);
    await writer.query('begin');
    await writer.query("update chat_vectors set content = 'never' where content = 'text 3'");
    let batches = 0;
    const embed: EmbedTexts = async (texts, options) => {
      batches += 1;
      if (batches === 5) await writer.query('rollback');
      return embedWith(NEW)(texts, options);
    };
    // It cannot be queued at first: its id is held.
    await mustReembed(store, NEW, { embed, batchSize: 5, lockTimeoutMs: 20 });
    expect(await contentsNow(database)).toEqual([...TEXTS].sort());
  });

  it('in its metadata or chat only, is not embedded again and changes in both tables', async () => {
    await using started = await storeWithTexts();
    const { database, store } = started;
    let asked = 0;
    const embed: EmbedTexts = async (texts, options) => {
      asked += texts.length;
      return embedWith(NEW)(texts, options);
    };
    await mustReembed(store, NEW, {
      embed,
      batchSize: 5,
      onProgress: (event) => {
        if (event.type === 'embedded') expect(event.total).toBe(asked);
      },
    });
    await database.query(`update chat_vectors_previous set metadata = '{"a": 1}' where content = 'text 1'`);
    await database.query(`update chat_vectors set metadata = '{"b": 2}' where content = 'text 2'`);
    for (const table of ['chat_vectors', 'chat_vectors_previous']) {
      expect(
        await database.query(
          `select content, metadata from ${table} where metadata is not null order by content`,
        ),
      ).toEqual([
        { content: 'text 1', metadata: { a: 1 } },
        { content: 'text 2', metadata: { b: 2 } },
      ]);
    }
    expect(await mustReembed(store, NEW, { embed })).toMatchObject({ embedded: 0, pending: 0 });
    expect(asked).toBe(TEXTS.length);
  });
});

describe('a text that is deleted while it is embedded', () => {
  it.each<[string, (table: string) => string]>([
    ['by itself', (table) => `delete from ${table} where content = 'text 3'`],
    ['with its message', () => "delete from chat_messages where content = 'text 3'"],
    [
      'and written again under its id',
      (table) => `with gone as (delete from ${table} where content = 'text 3' returning *)
        insert into chat_messages (user_id, chat_id, role, content) select user_id, chat_id, 'user', '' from gone`,
    ],
  ])('%s, does not come back', async (_how, statement) => {
    await using started = await storeWithTexts();
    const { database, store } = started;
    await mustReembed(store, NEW, { embed: embedAfter(() => database.query(statement('chat_vectors'))) });
    const left = [...others('text 3')].sort();
    expect(await contents(database)).toEqual({ now: left, previous: left });
  });

  it('with its whole chat or user, does not come back', async () => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    await mustReembed(store, NEW, { embed: embedAfter(() => must(store.users.delete(chat.userId))) });
    expect(await contents(database)).toEqual({ now: [], previous: [] });
  });

  it('by TRUNCATE, does not come back', async () => {
    await using started = await storeWithTexts();
    const { database, store } = started;
    let batches = 0;
    const embed: EmbedTexts = async (texts, options) => {
      batches += 1;
      if (batches === 3) await database.query('truncate chat_vectors');
      return embedWith(NEW)(texts, options);
    };
    await mustReembed(store, NEW, { embed, batchSize: 5 });
    expect(await contents(database)).toEqual({ now: [], previous: [] });
    await database.query('truncate users cascade');
  });

  it.each([
    ['a deletion', "delete from chat_vectors where content = 'text 3'", []],
    ['a change', "update chat_vectors set content = 'changed' where content = 'text 3'", ['changed']],
  ])(
    'or changed by %s with a snapshot older than the embedding, is noticed',
    async (_what, statement, instead) => {
      await using started = await storeWithTexts();
      const { database, store } = started;
      await using writer = await connected(database);
      await writer.query('begin isolation level repeatable read');
      await writer.query('select 1');
      let isWritten = false;
      const onProgress = (event: { type: string }) => {
        isWritten ||= event.type === 'embedded';
      };
      let batches = 0;
      const embed: EmbedTexts = async (texts, options) => {
        batches += 1;
        // All but the last batch are in the next table, and this snapshot does not see them there.
        if (batches === 5) {
          expect(isWritten).toBe(true);
          await writer.query(statement);
          await writer.query('commit');
        }
        return embedWith(NEW)(texts, options);
      };
      await mustReembed(store, NEW, { embed, batchSize: 5, onProgress });
      expect(await contentsNow(database)).toEqual([...others('text 3'), ...instead].sort());
    },
  );
});

describe.each([
  ['other dimensions', NEW],
  ['the same dimensions', SAME_SHAPE],
])('a process of the old model, after a cut-over to %s that it knows nothing of', (_name, target) => {
  const embedding = (text: string) => embeddingOf(text, OLD);

  it.each<
    [
      string,
      (started: Awaited<ReturnType<typeof storeWithTexts>>, messageId: string) => Promise<unknown>,
      unknown,
    ]
  >([
    ['vectorSearch.semanticSearch', ({ store, chat }) => findText(store, chat.userId, OLD, 'mine'), ['mine']],
    ['vectors.list', async ({ store, chat }) => (await must(store.vectors.list(chat))).items.length, 26],
    ['vectors.count', ({ store, chat }) => must(store.vectors.count(chat)), 26],
    [
      'vectors.findByMessage',
      async ({ store, chat: { userId } }, messageId) =>
        (await must(store.vectors.findByMessage({ userId, messageId }))).map(({ content, model }) => [
          content,
          model,
        ]),
      [['mine', 'old-model']],
    ],
    [
      'vectorSearch.search',
      async ({ store, chat }) => {
        const options = { threshold: 0.99, filter: { roles: ['user' as const] } };
        return (await must(store.vectorSearch.search(embedding('mine'), chat.userId, options))).hits.length;
      },
      1,
    ],
    [
      'vectorSearch.searchMany',
      async ({ store, chat }) => {
        const queries = ['mine', 'text 1'].map(embedding);
        const found = await must(store.vectorSearch.searchMany(queries, chat.userId, { threshold: 0.99 }));
        return found.map((hits) => hits.map(({ content }) => content));
      },
      [['mine'], ['text 1']],
    ],
    [
      'vectorSearch.hybridSearch',
      async ({ store, chat }) => {
        const query = { text: 'mine', embedding: embedding('mine') };
        return (await must(store.vectorSearch.hybridSearch(query, chat.userId)))[0]?.content;
      },
      'mine',
    ],
    [
      'vectorSearch.explain',
      async ({ store, chat }) =>
        (await must(store.vectorSearch.explain(embedding('mine'), chat.userId))).strategy,
      'exact',
    ],
    [
      'vectorSearch.probeRecall',
      async ({ store }) =>
        (await must(store.vectorSearch.probeRecall({ sample: 2 }))).classes.some(
          ({ recall }) => recall === 1,
        ),
      true,
    ],
    [
      'vectors.import',
      async ({ store, chat }) => {
        await must(store.vectors.import([{ ...chat, content: 'new', embedding: embedding('new') }]));
        return findText(store, chat.userId, OLD, 'new');
      },
      ['new'],
    ],
    [
      'vectors.import that replaces',
      async ({ store, chat }, messageId) => {
        const [vector] = await must(store.vectors.findByMessage({ userId: chat.userId, messageId }));
        const row = { ...chat, messageId, id: vector?.id ?? '', content: 'new', embedding: embedding('new') };
        await must(store.vectors.import([row], { onConflict: 'replace' }));
        return [
          await findText(store, chat.userId, OLD, 'new'),
          await findText(store, chat.userId, OLD, 'mine'),
        ];
      },
      [['new'], []],
    ],
    [
      'vectors.insertMany in several statements',
      async ({ store, chat: { userId, chatId } }) => {
        const vectors = Array.from({ length: 1_200 }, (_, index) => ({
          chatId,
          content: `one of many ${index}`,
          embedding: embedding(`one of many ${index}`),
        }));
        await must(store.vectors.insertMany({ userId, vectors }));
        return must(store.vectors.count({ userId }));
      },
      1_226,
    ],
    [
      'vectors.insert',
      async ({ store, chat }) => {
        await must(store.vectors.insert({ ...chat, content: 'new', embedding: embedding('new') }));
        return findText(store, chat.userId, OLD, 'new');
      },
      ['new'],
    ],
    [
      'vectors.insertMany',
      async ({ store, chat: { userId, chatId } }) => {
        const vectors = ['new', 'newer'].map((content) => ({
          chatId,
          content,
          embedding: embedding(content),
        }));
        await must(store.vectors.insertMany({ userId, vectors }));
        return findText(store, userId, OLD, 'newer');
      },
      ['newer'],
    ],
    [
      'messages.append',
      async ({ store, chat }) => {
        await must(
          store.messages.append({ ...chat, role: 'user', content: 'new', embedding: embedding('new') }),
        );
        return findText(store, chat.userId, OLD, 'new');
      },
      ['new'],
    ],
    [
      'messages.appendMany',
      async ({ store, chat }) => {
        await appendTexts(store, chat, OLD, ['new', 'newer']);
        return findText(store, chat.userId, OLD, 'newer');
      },
      ['newer'],
    ],
    [
      'messages.update with an embedding',
      async ({ store, chat }, messageId) => {
        await must(
          store.messages.update({ ...chat, messageId, content: 'new', embedding: embedding('new') }),
        );
        return [
          await findText(store, chat.userId, OLD, 'new'),
          await findText(store, chat.userId, OLD, 'mine'),
        ];
      },
      [['new'], []],
    ],
    [
      'messages.update without one',
      async ({ store, chat }, messageId) => {
        await must(store.messages.update({ ...chat, messageId, content: 'new' }));
        return must(store.vectors.count(chat));
      },
      25,
    ],
    [
      'vectors.deleteByMessage',
      ({ store, chat: { userId } }, messageId) => must(store.vectors.deleteByMessage({ userId, messageId })),
      1,
    ],
    ['vectors.deleteByChat', ({ store, chat }) => must(store.vectors.deleteByChat(chat)), 26],
    [
      'vectors.delete',
      async ({ store, chat: { userId } }, messageId) => {
        const [vector] = await must(store.vectors.findByMessage({ userId, messageId }));
        return must(store.vectors.delete({ userId, vectorId: vector?.id ?? '' }));
      },
      true,
    ],
    [
      'messages.delete',
      ({ store, chat }, messageId) => must(store.messages.delete({ ...chat, messageId })),
      true,
    ],
    [
      'a transaction that has begun before',
      ({ store, chat }) =>
        must(
          store.transaction(({ vectors, chats }) =>
            chats
              .touch(chat)
              .andThen(() => vectors.insert({ ...chat, content: 'new', embedding: embedding('new') })),
          ),
        ).then(() => findText(store, chat.userId, OLD, 'new')),
      ['new'],
    ],
  ])('works on with %s, and both tables are in step', async (_method, act, expected) => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    const [messageId = ''] = await appendTexts(store, chat, OLD, ['mine']);
    await using runner = storeOf(database, OLD);
    await mustReembed(runner, target);
    expect(await act(started, messageId)).toEqual(expected);
    await mustReembed(runner, target);
    const { now, previous } = await contents(database, target);
    expect(now).toEqual(previous);
  });

  it('begins a transaction again whose statement meets the cut-over', async () => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    await using runner = storeOf(database, OLD);
    let attempts = 0;
    await must(
      store.transaction(async ({ vectors }) => {
        attempts += 1;
        if (attempts === 1) await mustReembed(runner, target);
        return vectors.insert({ ...chat, content: `attempt ${attempts}`, embedding: embedding('x') });
      }),
    );
    expect(attempts).toBe(2);
    expect(
      (await must(store.vectors.list({ ...chat, limit: 1_000 }))).items.map(({ content }) => content),
    ).toContain('attempt 2');
  });
});

describe('processes of both models after the cut-over', () => {
  async function bothStores() {
    const started = await storeWithTexts();
    const newStore = storeOf(started.database, NEW);
    await mustReembed(started.store, NEW);
    return {
      ...started,
      newStore,
      async [Symbol.asyncDispose]() {
        await newStore.close();
        await started[Symbol.asyncDispose]();
      },
    };
  }

  it('take a text away from each other that has changed', async () => {
    await using both = await bothStores();
    const { store, newStore, chat, database } = both;
    const [one = '', two = ''] = (await must(store.messages.list({ ...chat, limit: 2 }))).items.map(
      ({ id }) => id,
    );
    await must(
      store.messages.update({
        ...chat,
        messageId: one,
        content: 'by the old',
        embedding: embeddingOf('by the old', OLD),
      }),
    );
    await must(
      newStore.messages.update({
        ...chat,
        messageId: two,
        content: 'by the new',
        embedding: embeddingOf('by the new', NEW),
      }),
    );
    expect(await must(newStore.vectors.count(chat))).toBe(24);
    expect(await must(store.vectors.count(chat))).toBe(24);
    await mustReembed(store, NEW);
    expect(Object.values(await rowsOf(database, 'chat_vectors', NEW))).toEqual(
      expect.arrayContaining(['by the old', 'by the new']),
    );
    expect(await must(newStore.vectors.count(chat))).toBe(25);
  });

  it.each<[string, (both: Awaited<ReturnType<typeof bothStores>>, messageId: string) => Promise<unknown>]>([
    [
      'a new text',
      ({ newStore, chat }, messageId) =>
        must(newStore.messages.update({ ...chat, messageId, content: 'newer' })),
    ],
    [
      'a new text with its embedding',
      ({ newStore, chat }, messageId) =>
        must(
          newStore.messages.update({
            ...chat,
            messageId,
            content: 'newer',
            embedding: embeddingOf('newer', NEW),
          }),
        ),
    ],
    [
      'a deletion by message',
      ({ newStore, chat: { userId } }, messageId) =>
        must(newStore.vectors.deleteByMessage({ userId, messageId })),
    ],
    ['a deletion by chat', ({ newStore, chat }) => must(newStore.vectors.deleteByChat(chat))],
    [
      'the message deleted',
      ({ newStore, chat }, messageId) => must(newStore.messages.delete({ ...chat, messageId })),
    ],
  ])('bring no text over that the new one has replaced meanwhile: %s', async (_what, act) => {
    await using both = await bothStores();
    const { store, newStore, chat } = both;
    const [messageId = ''] = await appendTexts(store, chat, OLD, ['late']);
    await act(both, messageId);
    await mustReembed(store, NEW);
    expect(await findText(newStore, chat.userId, NEW, 'late')).toEqual([]);
    expect(await findText(store, chat.userId, OLD, 'late')).toEqual([]);
  });

  it('keep what was written last under an id', async () => {
    await using both = await bothStores();
    const { store, newStore, chat } = both;
    const id = crypto.randomUUID();
    const put = (on: typeof store, model: typeof OLD | typeof NEW, content: string) =>
      must(on.vectors.insert({ ...chat, id, content, embedding: embeddingOf(content, model) }));
    await put(store, OLD, 'first');
    await put(newStore, NEW, 'second');
    await mustReembed(store, NEW);
    expect(await findText(newStore, chat.userId, NEW, 'second')).toEqual(['second']);
    expect(await findText(store, chat.userId, OLD, 'first')).toEqual([]);
    await put(store, OLD, 'third');
    expect(await findText(newStore, chat.userId, NEW, 'second')).toEqual([]);
    await mustReembed(store, NEW);
    expect(await findText(newStore, chat.userId, NEW, 'third')).toEqual(['third']);
  });

  it('of the new one go on when the previous table is dropped, in a transaction too', async () => {
    await using both = await bothStores();
    const { newStore, store, chat } = both;
    const [one = '', two = ''] = (await must(newStore.messages.list({ ...chat, limit: 2 }))).items.map(
      ({ id }) => id,
    );
    await must(newStore.messages.update({ ...chat, messageId: one, content: 'knows both tables' }));
    await must(store.vectors.dropPreviousEmbeddings());
    let attempts = 0;
    await must(
      newStore.transaction(({ messages }) => {
        attempts += 1;
        return messages.update({ ...chat, messageId: two, content: 'knows one' });
      }),
    );
    expect(attempts).toBe(2);
    expect(await must(newStore.vectors.deleteByChat(chat))).toBe(23);
  });
});

describe('vectors.reembed with a writer that stays', () => {
  it('leaves what is pending to the next call', async () => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    await mustReembed(store, NEW);
    await appendTexts(store, chat, OLD, ['late']);
    await using holder = await connected(database);
    await holder.query('begin; select from chats for update');
    const report = await mustReembed(store, NEW, { lockTimeoutMs: 20, retryForMs: 50 });
    expect(report).toMatchObject({ embedded: 0, pending: 1 });
    await holder.query('commit');
    expect(await mustReembed(store, NEW)).toMatchObject({ embedded: 1, pending: 0 });
    expect((await reembed(store, NEW)).isOk()).toBe(true);
  });
});
