import { describe, expect, it } from 'vitest';
import { binaryWire } from '../../../src/database/vector-wire.js';
import { checkPagedSearch, checkSemanticSearch } from '../../../src/search/search-input.js';
import type { SearchOptions } from '../../../src/search/vector-search.js';

const USER = '0198c1de-0000-7000-8000-00000000000a';
const CHAT = '0198c1de-0000-7000-8000-00000000000b';
const MESSAGE = '0198c1de-0000-7000-8000-00000000000c';

const settings = { dimensions: 2, wire: binaryWire, indexedMetadata: ['lang'] };

const check = (options?: unknown, { query = [1, 2] as unknown, userId = USER } = {}) =>
  checkPagedSearch('vectorSearch.search', settings, [query as number[], userId, options as SearchOptions]);
const checked = (options?: SearchOptions) => check(options)._unsafeUnwrap();

/** The paths of the issues; a search that is accepted has none. */
const refusedPaths = (...input: Parameters<typeof check>) =>
  check(...input).match(
    () => [],
    (error) => (error.kind === 'invalid-input' ? error.issues.map(({ path }) => path) : [error.kind]),
  );

describe('checkSemanticSearch', () => {
  const given = (options: unknown, userId: unknown) =>
    checkSemanticSearch('vectorSearch.semanticSearch', settings, [
      [1, 2],
      userId as string,
      options as SearchOptions,
    ]);

  it('looks at the usual options by hand, and sees in them what the schema sees', () => {
    const upper = CHAT.toUpperCase();
    const values = {
      limit: [undefined, 1, 10, 1_000, 0, 1_001, 1.5, Number.NaN, '10', null],
      threshold: [undefined, null, -1, 0, 0.7, 1, 1.01, -1.01, Number.NaN, '0.5'],
      chatId: [undefined, CHAT, upper, '', `${CHAT} `, 7, null],
    };
    for (const limit of values.limit) {
      for (const threshold of values.threshold) {
        for (const chatId of values.chatId) {
          for (const userId of [USER, USER.toUpperCase(), 'x', undefined]) {
            const options = { limit, threshold, chatId };
            const byHand = given(options, userId);
            // An option that says nothing makes the schema look.
            const bySchema = given({ ...options, diversity: 0 }, userId);
            expect(byHand.isOk(), JSON.stringify(options)).toBe(bySchema.isOk());
            if (byHand.isOk()) expect(byHand.value).toEqual(bySchema._unsafeUnwrap());
            else expect(byHand.error.message).toBe(bySchema._unsafeUnwrapErr().message);
          }
        }
      }
    }
  });

  it('refuses an option that it does not know', () => {
    expect(given({ limit: 1, offset: 3 }, USER)._unsafeUnwrapErr()).toMatchObject({
      issues: [{ path: 'offset' }],
    });
  });
});

describe('checkPagedSearch', () => {
  it('fills in the defaults', () => {
    expect(checked()).toMatchObject({
      scope: 'user',
      isFiltered: false,
      indexedField: null,
      limit: 10,
      threshold: 0.7,
      start: { rank: 0 },
      context: null,
      diversity: 0,
      forced: { strategy: undefined, candidates: undefined, efSearch: undefined },
      options: {},
    });
  });

  it('lets everything pass without a threshold', () => {
    expect(checked({ threshold: null }).threshold).toBe(-1);
    expect(checked({ threshold: 0 }).threshold).toBe(0);
  });

  it('looks in the messages, else in the chat, else at all of the user', () => {
    expect(checked({}).scope).toBe('user');
    expect(checked({ chatId: CHAT }).scope).toBe('chat');
    expect(checked({ filter: { messageIds: [MESSAGE] } })).toMatchObject({
      scope: 'messages',
      isFiltered: false,
      scopeParams: { chatId: null, messageIds: [MESSAGE] },
    });
    expect(checked({ chatId: CHAT, filter: { messageIds: [MESSAGE] } })).toMatchObject({
      scope: 'messages',
      scopeParams: { chatId: CHAT },
    });
  });

  it('calls a search filtered for conditions on rows only', () => {
    const isFiltered = (filter: NonNullable<SearchOptions['filter']>) => checked({ filter }).isFiltered;
    expect(isFiltered({})).toBe(false);
    expect(isFiltered({ metadata: { field: 'a', eq: 1 } })).toBe(true);
    expect(isFiltered({ roles: ['user'] })).toBe(true);
    expect(isFiltered({ createdAt: {} })).toBe(true);
    expect(isFiltered({ createdAt: { from: new Date(0) } })).toBe(true);
  });

  it('finds a declared field in the metadata filter, but not beside messages', () => {
    const metadata = {
      and: [
        { field: 'page', gt: 1 },
        { field: 'lang', in: ['de', 'en'] },
      ],
    } as const;
    expect(checked({ filter: { metadata } })).toMatchObject({
      indexedField: 'lang',
      fieldValues: ['"de"', '"en"'],
      isFiltered: true,
    });
    expect(checked({ filter: { metadata, messageIds: [MESSAGE] } }).indexedField).toBeNull();
    expect(checked({ filter: { metadata: { field: 'page', eq: 1 } } }).indexedField).toBeNull();
  });

  it('takes ids in capitals for the same search', () => {
    const lower = checked({ chatId: CHAT });
    const upper = check({ chatId: CHAT.toUpperCase() }, { userId: USER.toUpperCase() })._unsafeUnwrap();
    expect(upper.scopeParams).toEqual(lower.scopeParams);
    expect(upper.fingerprint).toBe(lower.fingerprint);
  });

  it('tells searches apart by what changes their ranking, and by nothing else', () => {
    const { fingerprint } = checked({});
    const same: SearchOptions[] = [{ limit: 3 }, { strategy: 'exact' }, { candidates: 9 }, { efSearch: 9 }];
    for (const options of [...same, { context: { before: 1 } }, { threshold: 0.7 }]) {
      expect(checked(options).fingerprint).toBe(fingerprint);
    }
    const others: SearchOptions[] = [{ threshold: 0.8 }, { threshold: null }, { chatId: CHAT }];
    for (const options of [...others, { filter: { roles: ['user' as const] } }]) {
      expect(checked(options).fingerprint).not.toBe(fingerprint);
    }
    expect(check({}, { query: [1, 3] })._unsafeUnwrap().fingerprint).not.toBe(fingerprint);
  });

  it('takes no options for none', () => {
    for (const none of [undefined, null]) expect(check(none)._unsafeUnwrap().limit).toBe(10);
  });

  const BEYOND = new Date(8.64e15);
  it.each<[string, unknown]>([
    ['limit', { limit: 0 }],
    ['limit', { limit: 1_001 }],
    ['limit', { limit: 1.5 }],
    ['limit', { limit: '10' }],
    ['limit', { limit: 101, diversity: 0.1 }],
    ['threshold', { threshold: 1.01 }],
    ['threshold', { threshold: -1.01 }],
    ['threshold', { threshold: Number.NaN }],
    ['threshold', { threshold: '0.7' }],
    ['chatId', { chatId: 'x' }],
    ['chatId', { chatId: null }],
    ['strategy', { strategy: 'fastest' }],
    ['strategy', { strategy: 'constructor' }],
    ['candidates', { candidates: 0 }],
    ['candidates', { candidates: 20_001 }],
    ['efSearch', { efSearch: 0 }],
    ['efSearch', { efSearch: 1_001 }],
    ['diversity', { diversity: -0.1 }],
    ['diversity', { diversity: 1.1 }],
    ['context.before', { context: { before: 51 } }],
    ['context.after', { context: { after: -1 } }],
    ['context.around', { context: { around: 1 } }],
    ['context', { context: 5 }],
    ['cursor', { cursor: 'x' }],
    ['cursor', { cursor: 5 }],
    ['cursor', { cursor: 'x'.repeat(201) }],
    ['cursor', { cursor: 'x', diversity: 0.5 }],
    ['filter', { filter: 'x' }],
    ['filter.role', { filter: { role: 'user' } }],
    ['filter.roles', { filter: { roles: [] } }],
    ['filter.roles.0', { filter: { roles: ['nobody'] } }],
    ['filter.createdAt.from', { filter: { createdAt: { from: '2026-01-01' } } }],
    ['filter.createdAt.from', { filter: { createdAt: { from: new Date(Number.NaN) } } }],
    ['filter.createdAt.from', { filter: { createdAt: { from: new Date(-8.64e15) } } }],
    ['filter.createdAt.until', { filter: { createdAt: { until: BEYOND } } }],
    ['filter.messageIds', { filter: { messageIds: [] } }],
    ['filter.messageIds', { filter: { messageIds: Array.from({ length: 1_001 }, () => MESSAGE) } }],
    ['filter.messageIds.1', { filter: { messageIds: [MESSAGE, 'x'] } }],
    ['filter.metadata.eq', { filter: { metadata: { field: 'a', eq: undefined } } }],
    ['userId', { userId: USER }],
    ['offset', { offset: 10 }],
  ])('names %s in %o', (path, options) => {
    expect(refusedPaths(options)).toEqual([path]);
  });

  it('names the user and the query apart from the options', () => {
    expect(refusedPaths({}, { userId: 'x' })).toEqual(['userId']);
    expect(refusedPaths({}, { query: [0, 0] })).toEqual(['queryEmbedding']);
    expect(refusedPaths({}, { query: [1, Number.NaN] })).toEqual(['queryEmbedding.1']);
    expect(refusedPaths({}, { query: 'x' })).toEqual(['queryEmbedding']);
    expect(refusedPaths({}, { query: [1] })).toEqual(['dimension-mismatch']);
  });

  it('takes no cursor where there are no pages', () => {
    const input = [[1, 2], USER, { cursor: 'x' } as SearchOptions] as const;
    const error = checkSemanticSearch('vectorSearch.semanticSearch', settings, input)._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'cursor' }] });
  });
});
