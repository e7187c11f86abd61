import { randomUUID } from 'node:crypto';
import type { ResultAsync } from 'neverthrow';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import type { StoreError } from '../../src/errors.js';
import {
  aMessage,
  anEmbedding,
  appendAll,
  aUser,
  aVector,
  createUserWithChat,
  failure,
  must,
} from '../support/builders.js';
import { everything } from './repositories.js';

type Call = (value: never) => ResultAsync<unknown, StoreError>;
/** One field of one method: what it is called in an error, and a call that is right but for this field. */
type FieldCall = readonly [method: string, path: string, call: Call];

/** What JavaScript callers and request bodies bring: refused by name of the field, and nothing written. */
export function hostileInputContract(store: () => MacroStore): void {
  let chat: { userId: string; chatId: string };
  let messageId: string;
  beforeAll(async () => {
    chat = await createUserWithChat(store());
    const [first] = await appendAll(store(), chat, ['one', 'two', 'three']);
    messageId = first?.id ?? '';
    await must(store().vectors.insert({ userId: chat.userId, ...aVector(chat) }));
  });

  /** Each value, in each field, is an `invalid-input` that names the field alone; no row changes. */
  const refuses = async (fields: readonly FieldCall[], values: readonly unknown[]) => {
    const before = await everything(store());
    const wrong: string[] = [];
    for (const [method, path, call] of fields) {
      for (const value of values) {
        const result = await call(value as never);
        const error = result.isErr() ? result.error : null;
        const paths = error?.kind === 'invalid-input' ? error.issues.map((issue) => issue.path) : [];
        const isRight =
          error?.operation === method && paths.length > 0 && paths.every((wrong) => wrong === path);
        if (!isRight)
          wrong.push(`${method} ${path} = ${String(value).slice(0, 40)}: ${error?.message ?? 'ok'}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(await everything(store())).toEqual(before);
  };

  const idFields = (): FieldCall[] => {
    const { users, chats, messages, vectors, vectorSearch } = store();
    const { userId, chatId } = chat;
    const message = { ...chat, ...aMessage() };
    const vector = { userId, ...aVector({ chatId }) };
    return [
      ['users.create', 'id', (id) => users.create(aUser({ id }))],
      ['users.findById', 'userId', (id) => users.findById(id)],
      ['users.getById', 'userId', (id) => users.getById(id)],
      ['users.update', 'userId', (id) => users.update(id, {})],
      ['users.recordLogin', 'userId', (id) => users.recordLogin(id)],
      ['users.delete', 'userId', (id) => users.delete(id)],
      ['chats.create', 'id', (id) => chats.create({ userId, title: 'x', id })],
      ['chats.create', 'userId', (id) => chats.create({ userId: id, title: 'x' })],
      ['chats.findById', 'userId', (id) => chats.findById({ chatId, userId: id })],
      ['chats.findById', 'chatId', (id) => chats.findById({ userId, chatId: id })],
      ['chats.getById', 'chatId', (id) => chats.getById({ userId, chatId: id })],
      ['chats.isOwnedBy', 'chatId', (id) => chats.isOwnedBy({ userId, chatId: id })],
      ['chats.list', 'userId', (id) => chats.list({ userId: id })],
      ['chats.rename', 'chatId', (id) => chats.rename({ userId, chatId: id, title: 'x' })],
      ['chats.touch', 'chatId', (id) => chats.touch({ userId, chatId: id })],
      ['chats.count', 'userId', (id) => chats.count({ userId: id })],
      ['chats.delete', 'userId', (id) => chats.delete({ chatId, userId: id })],
      ['chats.delete', 'chatId', (id) => chats.delete({ userId, chatId: id })],
      ['messages.append', 'id', (id) => messages.append({ ...message, id })],
      ['messages.append', 'userId', (id) => messages.append({ ...message, userId: id })],
      ['messages.append', 'chatId', (id) => messages.append({ ...message, chatId: id })],
      [
        'messages.appendMany',
        'messages.1.id',
        (id) => messages.appendMany({ ...chat, messages: [aMessage(), aMessage({ id })] }),
      ],
      [
        'messages.appendMany',
        'chatId',
        (id) => messages.appendMany({ userId, chatId: id, messages: [aMessage()] }),
      ],
      ['messages.findById', 'messageId', (id) => messages.findById({ ...chat, messageId: id })],
      ['messages.list', 'userId', (id) => messages.list({ chatId, userId: id })],
      ['messages.list', 'chatId', (id) => messages.list({ userId, chatId: id })],
      ['messages.history', 'chatId', (id) => messages.history({ userId, chatId: id })],
      ['messages.update', 'messageId', (id) => messages.update({ ...chat, messageId: id, content: 'x' })],
      ['messages.delete', 'messageId', (id) => messages.delete({ ...chat, messageId: id })],
      ['messages.delete', 'userId', (id) => messages.delete({ chatId, messageId, userId: id })],
      ['messages.search', 'userId', (id) => messages.search({ query: 'x', userId: id })],
      ['vectors.insert', 'id', (id) => vectors.insert({ ...vector, id })],
      ['vectors.insert', 'chatId', (id) => vectors.insert({ ...vector, chatId: id })],
      [
        'vectors.insertMany',
        'vectors.0.id',
        (id) => vectors.insertMany({ userId, vectors: [aVector({ chatId, id })] }),
      ],
      [
        'vectors.insertMany',
        'userId',
        (id) => vectors.insertMany({ userId: id, vectors: [aVector({ chatId })] }),
      ],
      ['vectors.findByMessage', 'messageId', (id) => vectors.findByMessage({ userId, messageId: id })],
      ['vectors.list', 'userId', (id) => vectors.list({ userId: id })],
      ['vectors.delete', 'vectorId', (id) => vectors.delete({ userId, vectorId: id })],
      ['vectors.deleteByMessage', 'messageId', (id) => vectors.deleteByMessage({ userId, messageId: id })],
      ['vectors.deleteByChat', 'chatId', (id) => vectors.deleteByChat({ userId, chatId: id })],
      ['vectors.count', 'userId', (id) => vectors.count({ userId: id })],
      [SEARCH, 'userId', (id) => vectorSearch.semanticSearch(anEmbedding(1), id)],
    ];
  };

  const optionalIdFields = (): FieldCall[] => {
    const { messages, vectors, vectorSearch } = store();
    const { userId, chatId } = chat;
    return [
      ['messages.search', 'chatId', (id) => messages.search({ userId, query: 'x', chatId: id })],
      [
        'vectors.insert',
        'messageId',
        (id) => vectors.insert({ userId, ...aVector({ chatId, messageId: id }) }),
      ],
      ['vectors.list', 'chatId', (id) => vectors.list({ userId, chatId: id })],
      ['vectors.count', 'chatId', (id) => vectors.count({ userId, chatId: id })],
      [SEARCH, 'chatId', (id) => vectorSearch.semanticSearch(anEmbedding(1), userId, { chatId: id })],
    ];
  };

  describe('hostile input', () => {
    it('names an id that is no UUID', async () => {
      const values: unknown[] = [
        '',
        'x',
        ' ',
        "' or 1=1 --",
        `${randomUUID()}'`,
        `${randomUUID()}\n`,
        ` ${randomUUID()}`,
        `{${randomUUID()}}`,
        randomUUID().replaceAll('-', ''),
        `${randomUUID()}\u0000`,
        '\ud800',
        'é'.repeat(100_000),
        0,
        Number.NaN,
        true,
        {},
        [],
        [randomUUID()],
        { toString: () => randomUUID() },
      ];
      await refuses([...idFields(), ...optionalIdFields()], values);
    });

    it('names an id that is null', async () => {
      await refuses(idFields(), [null]);
    });

    it('refuses a cursor that the list did not make', async () => {
      const { users, chats, messages, vectors } = store();
      const { userId } = chat;
      await must(users.create(aUser()));
      await must(chats.create({ userId, title: 'x' }));
      await must(vectors.insert({ userId, ...aVector(chat) }));
      const made = {
        'users.list': (await must(users.list({ limit: 1 }))).nextCursor ?? '',
        'chats.list': (await must(chats.list({ userId, limit: 1 }))).nextCursor ?? '',
        'messages.list': (await must(messages.list({ ...chat, limit: 1 }))).nextCursor ?? '',
        'vectors.list': (await must(vectors.list({ userId, limit: 1 }))).nextCursor ?? '',
      };
      expect(Object.values(made)).not.toContain('');
      const lists: FieldCall[] = [
        ['users.list', 'cursor', (cursor) => users.list({ cursor })],
        ['chats.list', 'cursor', (cursor) => chats.list({ userId, cursor })],
        ['messages.list', 'cursor', (cursor) => messages.list({ ...chat, cursor })],
        ['messages.list', 'cursor', (cursor) => messages.list({ ...chat, order: 'oldest-first', cursor })],
        ['vectors.list', 'cursor', (cursor) => vectors.list({ userId, cursor })],
        ['vectors.list', 'cursor', (cursor) => vectors.list({ ...chat, cursor })],
      ];
      for (const list of lists) {
        const [method] = list;
        const own = made[method as keyof typeof made];
        const others = Object.values(made).filter((cursor) => cursor !== own);
        const forged = [
          ...['-infinity', 'infinity', 'now', '', 'NaN', "2026-01-01T00:00:00.000Z' --"],
          ...['2026-02-30T00:00:00.000Z', '0000-01-01T00:00:00.000Z', '+010000-01-01T00:00:00.000Z'],
          ...['2026-01-01', '2026-01-01T00:00:00Z', '99999-01-01T00:00:00.000Z'],
        ].map((key) => base64(`${method} ${key} ${randomUUID()}`));
        await refuses(
          [list],
          [
            ...['', ' ', 'x', '=', '\u0000', '%00', 'a'.repeat(201), 'a'.repeat(1_000_000), 0, {}, [own]],
            ...[`${own}A`, `${own}=`, `${own}!`, ` ${own}`, own.slice(0, -2), own.toUpperCase()],
            ...[base64(''), base64('  '), base64(`${method} x y`), base64(`${method} ${randomUUID()} y`)],
            ...[...others, ...forged],
          ],
        );
        expect((await list[2](own as never)).isOk()).toBe(true);
      }
    });

    it('refuses texts that PostgreSQL would refuse or change', async () => {
      const { users, chats, messages, vectors } = store();
      const { userId, chatId } = chat;
      const fields: FieldCall[] = [
        ['users.create', 'firstName', (text) => users.create(aUser({ firstName: text }))],
        ['users.create', 'lastName', (text) => users.create(aUser({ lastName: text }))],
        ['users.update', 'firstName', (text) => users.update(userId, { firstName: text })],
        ['chats.create', 'title', (text) => chats.create({ userId, title: text })],
        ['chats.rename', 'title', (text) => chats.rename({ ...chat, title: text })],
        [
          'messages.append',
          'content',
          (text) => messages.append({ ...chat, ...aMessage({ content: text }) }),
        ],
        [
          'messages.appendMany',
          'messages.0.content',
          (text) => messages.appendMany({ ...chat, messages: [aMessage({ content: text })] }),
        ],
        ['messages.update', 'content', (text) => messages.update({ ...chat, messageId, content: text })],
        ['messages.search', 'query', (text) => messages.search({ userId, query: text })],
        [
          'vectors.insert',
          'content',
          (text) => vectors.insert({ userId, ...aVector({ chatId, content: text }) }),
        ],
        [
          'vectors.insertMany',
          'vectors.0.content',
          (text) => vectors.insertMany({ userId, vectors: [aVector({ chatId, content: text })] }),
        ],
      ];
      await refuses(fields, ['a\u0000b', '\u0000', 'a\ud800', '\udc00b', '\udc00\ud800', 0, {}, ['x'], true]);
      const emails: FieldCall[] = [
        ['users.create', 'email', (email) => users.create({ email })],
        ['users.update', 'email', (email) => users.update(userId, { email })],
        ['users.findByEmail', 'email', (email) => users.findByEmail(email)],
      ];
      const addresses = ['', 'x', '@', 'a@', '@b', 'a@b@c', 'a b@c', 'a@b\n', '\ud800@b', null, 0, ['a@b']];
      await refuses(emails, [...addresses, `a@${'b'.repeat(254)}`]);
      const long: FieldCall[] = fields.filter(([, path]) => /title|Name/.test(path));
      await refuses(long, ['x'.repeat(256)]);
    });

    it('takes every other text to the letter, SQL among them', async () => {
      const { users, chats, messages, vectors } = store();
      const texts = [
        "'; drop table users; --",
        '" or ""="',
        '$1 $$ \\ \\\\ \\x00 %s %_ {}',
        '{"a",NULL,null}',
        '(1,2)',
        'NULL',
        '\\N',
        '😀 e\u0301 \u202e \ufeff \r\n\t\u0001\u007f',
      ];
      const { id: userId } = await must(users.create(aUser({ firstName: texts[0] ?? '' })));
      for (const text of texts) {
        const { id: chatId } = await must(chats.create({ userId, title: text }));
        const metadata = { [text]: text, nested: [{ text }] };
        const one = await must(messages.append({ userId, chatId, role: 'user', content: text, metadata }));
        const many = await must(
          messages.appendMany({ userId, chatId, messages: [aMessage({ content: text, metadata })] }),
        );
        await must(vectors.insert({ userId, ...aVector({ chatId, content: text, metadata }) }));
        expect(await must(chats.getById({ userId, chatId }))).toMatchObject({ title: text });
        expect(one).toMatchObject({ content: text, metadata });
        expect(many).toMatchObject([{ content: text, metadata }]);
        const records = await must(vectors.list({ userId, chatId }));
        expect(records.items).toMatchObject([{ content: text, metadata }]);
        expect((await messages.search({ userId, query: text })).isOk()).toBe(true);
        expect((await messages.search({ userId, query: text, language: 'simple' })).isOk()).toBe(true);
      }
    });

    it('refuses metadata that would not come back as it was', async () => {
      const { messages, vectors } = store();
      const { userId, chatId } = chat;
      const fields: FieldCall[] = [
        [
          'messages.append',
          'metadata',
          (metadata) => messages.append({ ...chat, ...aMessage({ metadata }) }),
        ],
        [
          'messages.appendMany',
          'messages.0.metadata',
          (metadata) => messages.appendMany({ ...chat, messages: [aMessage({ metadata })] }),
        ],
        ['messages.update', 'metadata', (metadata) => messages.update({ ...chat, messageId, metadata })],
        [
          'vectors.insert',
          'metadata',
          (metadata) => vectors.insert({ userId, ...aVector({ chatId, metadata }) }),
        ],
      ];
      const circular: Record<string, unknown> = {};
      circular['self'] = circular;
      await refuses(fields, [
        { a: '\u0000' },
        { '\u0000': 1 },
        { a: ['x', { b: 'x\u0000' }] },
        { a: '\\\u0000' },
        { a: '\ud800' },
        { '\udfff': 1 },
        { a: 1n },
        circular,
        [],
        [1],
        'text',
        '{}',
        1,
        true,
        new Date(0),
        new String('x'),
        { toJSON: () => undefined },
        { toJSON: () => 'text' },
        () => 'text',
      ]);
    });

    it('takes metadata that only looks like it', async () => {
      const { messages } = store();
      const values = [
        { a: '\\u0000', b: '\\\\u0000', c: '\\ud800' },
        { a: '😀', '😀': 1 },
        { a: 1e308, b: -0.1, c: 123456789012345, d: [], e: {}, f: null, g: [null, [true]] },
        JSON.parse('{"__proto__": {"x": 1}, "constructor": 1}') as object,
        {},
      ];
      for (const metadata of values) {
        const message = await must(
          messages.append({ ...chat, ...aMessage({ metadata: metadata as never }) }),
        );
        expect(JSON.stringify(sorted(message.metadata))).toBe(JSON.stringify(sorted(metadata)));
      }
    });

    it('refuses a limit outside its bounds', async () => {
      const { users, chats, messages, vectors, vectorSearch } = store();
      const { userId } = chat;
      const fields: (readonly [...FieldCall, max: number])[] = [
        ['users.list', 'limit', (limit) => users.list({ limit }), 200],
        ['chats.list', 'limit', (limit) => chats.list({ userId, limit }), 200],
        ['messages.list', 'limit', (limit) => messages.list({ ...chat, limit }), 200],
        ['messages.history', 'limit', (limit) => messages.history({ ...chat, limit }), 200],
        ['messages.search', 'limit', (limit) => messages.search({ userId, query: 'x', limit }), 200],
        ['vectors.list', 'limit', (limit) => vectors.list({ userId, limit }), 1_000],
        [SEARCH, 'limit', (limit) => vectorSearch.semanticSearch(anEmbedding(1), userId, { limit }), 1_000],
      ];
      for (const [method, path, call, max] of fields) {
        const values = [0, -1, 1.5, max + 1, 2 ** 31, 2 ** 53, 1e308, Number.NaN, Infinity, -Infinity];
        await refuses([[method, path, call]], [...values, '10', '1; drop table users', null, [1], {}]);
        for (const bound of [1, max]) expect((await call(bound as never)).isOk()).toBe(true);
      }
    });

    it('refuses a threshold that is no similarity', async () => {
      const { vectorSearch } = store();
      const search: Call = (threshold) =>
        vectorSearch.semanticSearch(anEmbedding(1), chat.userId, { threshold });
      const values = [Number.NaN, 1.0001, -1.0001, Infinity, -Infinity, '0.5', [0.5]];
      await refuses([[SEARCH, 'threshold', search]], values);
    });

    it('refuses an instant that is none', async () => {
      const { chats } = store();
      const { userId } = chat;
      const fields: FieldCall[] = [
        ['chats.list', 'activeSince', (activeSince) => chats.list({ userId, activeSince })],
        ['chats.count', 'activeSince', (activeSince) => chats.count({ userId, activeSince })],
      ];
      const outside = [new Date(8.64e15), new Date(-8.64e15), new Date('+010000-01-01T00:00:00.000Z')];
      await refuses(fields, [new Date(Number.NaN), ...outside, '2026-01-01', 0, 'infinity', null]);
    });

    it('refuses an embedding that is no list of finite numbers', async () => {
      const { messages, vectors, vectorSearch } = store();
      const { userId, chatId } = chat;
      const fields = (path: (field: string) => string): FieldCall[] => [
        [
          'messages.append',
          path('embedding'),
          (embedding) => messages.append({ ...chat, ...aMessage({ embedding }) }),
        ],
        [
          'messages.appendMany',
          path('messages.0.embedding'),
          (embedding) => messages.appendMany({ ...chat, messages: [aMessage({ embedding })] }),
        ],
        [
          'messages.update',
          path('embedding'),
          (embedding) => messages.update({ ...chat, messageId, content: 'x', embedding }),
        ],
        [
          'vectors.insert',
          path('embedding'),
          (embedding) => vectors.insert({ userId, ...aVector({ chatId, embedding }) }),
        ],
        [
          'vectors.insertMany',
          path('vectors.0.embedding'),
          (embedding) => vectors.insertMany({ userId, vectors: [aVector({ chatId, embedding })] }),
        ],
        [SEARCH, path('queryEmbedding'), (embedding) => vectorSearch.semanticSearch(embedding, userId)],
      ];
      const wholes = ['[1,2]', 1, {}, new Float64Array(8), new Uint8Array(8), new Float32Array(8), null];
      await refuses(
        fields((field) => field),
        [...wholes, [0, -0, 0, 0, 0, 0, 0, 1e-46], new Array(8).fill(1e-30), new Array(8).fill(1e30)],
      );
      const third = (value: unknown) => [1, 2, value, 4, 5, 6, 7, 8];
      const sparse = [1, 2, 3, 4, 5, 6, 7, 8];
      Reflect.deleteProperty(sparse, 2);
      await refuses(
        fields((field) => `${field}.2`),
        [
          ...[Number.NaN, Infinity, -Infinity, 3.5e38, '3', 3n, null, undefined, [3], {}, Symbol('3')].map(
            third,
          ),
          ...[sparse, Float32Array.from(third(Number.NaN) as number[])],
        ],
      );
    });

    it('refuses fields it does not know, also a user among the options of a search', async () => {
      const { users, chats, messages, vectors, vectorSearch } = store();
      const { userId, chatId } = chat;
      const extra = { extra: 1 } as object;
      const fields: FieldCall[] = [
        ['users.create', 'extra', () => users.create({ ...aUser(), ...extra })],
        ['users.update', 'extra', () => users.update(userId, { ...extra })],
        ['users.list', 'extra', () => users.list({ ...extra })],
        ['chats.create', 'extra', () => chats.create({ userId, title: 'x', ...extra })],
        ['chats.list', 'extra', () => chats.list({ userId, ...extra })],
        ['messages.append', 'extra', () => messages.append({ ...chat, ...aMessage(), ...extra })],
        ['messages.list', 'extra', () => messages.list({ ...chat, ...extra })],
        ['messages.search', 'extra', () => messages.search({ userId, query: 'x', ...extra })],
        ['vectors.insert', 'extra', () => vectors.insert({ userId, ...aVector({ chatId }), ...extra })],
        [SEARCH, 'extra', () => vectorSearch.semanticSearch(anEmbedding(1), userId, { ...extra })],
        [
          SEARCH,
          'userId',
          (other) => vectorSearch.semanticSearch(anEmbedding(1), userId, { userId: other } as object),
        ],
      ];
      await refuses(fields, [randomUUID()]);
    });

    it('refuses a role, an order and a language that are not on their lists', async () => {
      const { messages } = store();
      const { userId } = chat;
      await refuses(
        [
          ['messages.append', 'role', (role) => messages.append({ ...chat, role, content: 'x' })],
          [
            'messages.appendMany',
            'messages.0.role',
            (role) => messages.appendMany({ ...chat, messages: [{ role, content: 'x' }] }),
          ],
          ['messages.list', 'order', (order) => messages.list({ ...chat, order })],
          ['messages.search', 'language', (language) => messages.search({ userId, query: 'x', language })],
        ],
        [
          '',
          'USER',
          'root',
          'klingon',
          "english'; drop table users; --",
          'pg_catalog.english',
          null,
          1,
          ['user'],
        ],
      );
    });

    it('refuses an input that is no object', async () => {
      const { users, chats, messages, vectors } = store();
      const fields: FieldCall[] = [
        ['users.create', 'input', (input) => users.create(input)],
        ['users.list', 'input', (input) => users.list(input)],
        ['chats.create', 'input', (input) => chats.create(input)],
        ['chats.list', 'input', (input) => chats.list(input)],
        ['messages.append', 'input', (input) => messages.append(input)],
        ['messages.update', 'input', (input) => messages.update(input)],
        ['vectors.insert', 'input', (input) => vectors.insert(input)],
        ['vectors.count', 'input', (input) => vectors.count(input)],
      ];
      await refuses(fields, [null, 'x', 1, [], () => 1]);
    });

    it('says every wrong field at once', async () => {
      const error = await failure(
        store().messages.append({ userId: 'x', chatId: 'y', role: 'z' as never, content: '\u0000' }),
      );
      expect(error).toMatchObject({
        kind: 'invalid-input',
        issues: [{ path: 'userId' }, { path: 'chatId' }, { path: 'role' }, { path: 'content' }],
      });
    });
  });
}

const SEARCH = 'vectorSearch.semanticSearch';
const base64 = (text: string) => Buffer.from(text).toString('base64url');

/** With sorted keys: jsonb has an order of its own. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => [key, sorted(item)]);
}
