import { sql } from 'drizzle-orm';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MacroStore } from '../../src/create-macro-store.js';
import type { SearchFilter, SearchOptions } from '../../src/search/vector-search.js';
import { aMessage, appendAll, aVector, createUserWithChat, must } from '../support/builders.js';
import { pickDiverseByDefinition } from '../support/maximal-marginal-relevance.js';
import { similarityOf } from '../support/nearest.js';
import { aUserWith, coded, mixOf, range, STRATEGIES, unit } from '../support/search-data.js';
import { ids, query as run } from './repositories.js';

const ROLES = ['user', 'assistant', 'system', 'tool'] as const;
const START = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;

/** Filters, neighbours and diversity, by every strategy, for embeddings of the shape CODED. */
export function searchAnswersContract(store: () => MacroStore): void {
  const query = coded(88_888);
  const hitsOf = async (userId: string, options: SearchOptions) =>
    (await must(store().vectorSearch.search(query, userId, { threshold: null, limit: 1_000, ...options })))
      .hits;

  describe('the filter of a search', () => {
    interface Row {
      readonly id: string;
      readonly number: number;
      readonly chatId: string;
      readonly messageId: string | null;
    }
    let userId: string;
    let chats: readonly string[];
    let rows: readonly Row[];
    beforeAll(async () => {
      ({ userId, rows, chats } = await fill());
      // As many rows again that match the same filters, of somebody else.
      await fill();
    });

    /** 48 vectors in two chats, an hour apart; each but every fourth of a message, of the four roles in turn. */
    async function fill() {
      const chat = await createUserWithChat(store());
      const { id: second } = await must(store().chats.create({ userId: chat.userId, title: 'Second' }));
      const chatIds = [chat.chatId, second];
      const filled: Row[] = [];
      for (const [index, chatId] of chatIds.entries()) {
        const numbers = range(24).map((number) => 24 * index + number);
        const messages = await must(
          store().messages.appendMany({
            userId: chat.userId,
            chatId,
            messages: numbers.map((number) => aMessage({ role: ROLES[number % 4] ?? 'user' })),
          }),
        );
        const vectors = numbers.map((number, place) =>
          aVector({
            chatId,
            content: `Text ${number}`,
            messageId: number % 4 === 3 ? null : (messages[place]?.id ?? null),
            metadata: number % 6 === 5 ? null : { number, language: number % 2 === 0 ? 'en' : 'de' },
            embedding: coded(number),
          }),
        );
        const inserted = await must(store().vectors.insertMany({ userId: chat.userId, vectors }));
        filled.push(
          ...numbers.map((number, place) => ({
            id: inserted[place] ?? '',
            number,
            chatId,
            messageId: vectors[place]?.messageId ?? null,
          })),
        );
      }
      for (const { id, number } of filled) {
        const at = new Date(START + number * HOUR).toISOString();
        await run(store(), sql`update chat_vectors set created_at = ${at}::timestamptz where id = ${id}`);
      }
      return { userId: chat.userId, rows: filled, chats: chatIds };
    }

    const at = (hour: number) => new Date(START + hour * HOUR);
    const language = (row: Row) => (row.number % 6 === 5 ? undefined : row.number % 2 === 0 ? 'en' : 'de');
    const roleOf = (row: Row) => (row.messageId === null ? null : ROLES[row.number % 4]);

    const filters: Record<string, [() => SearchFilter, (row: Row) => boolean]> = {
      nothing: [() => ({}), () => true],
      'a value': [() => ({ metadata: { field: 'language', eq: 'en' } }), (row) => language(row) === 'en'],
      'the absence of a value': [
        () => ({ metadata: { field: 'language', exists: false } }),
        (row) => language(row) === undefined,
      ],
      'a range': [
        () => ({
          metadata: {
            and: [
              { field: 'number', gte: 10 },
              { field: 'number', lt: 20 },
            ],
          },
        }),
        (row) => row.number >= 10 && row.number < 20 && language(row) !== undefined,
      ],
      'a role': [() => ({ roles: ['assistant'] }), (row) => roleOf(row) === 'assistant'],
      'two roles': [
        () => ({ roles: ['user', 'system', 'user'] }),
        (row) => roleOf(row) === 'user' || roleOf(row) === 'system',
      ],
      'all roles': [() => ({ roles: ROLES }), (row) => row.messageId !== null],
      'from an instant, itself included': [
        () => ({ createdAt: { from: at(30) } }),
        (row) => row.number >= 30,
      ],
      'until an instant, itself excluded': [
        () => ({ createdAt: { until: at(30) } }),
        (row) => row.number < 30,
      ],
      'a millisecond around a row': [
        () => ({ createdAt: { from: at(30), until: new Date(at(30).getTime() + 1) } }),
        (row) => row.number === 30,
      ],
      'an empty span': [() => ({ createdAt: { from: at(30), until: at(30) } }), () => false],
      'a span backwards': [() => ({ createdAt: { from: at(31), until: at(30) } }), () => false],
      'some messages': [
        () => ({ messageIds: rows.slice(0, 30).flatMap(({ messageId }) => messageId ?? []) }),
        (row) => row.number < 30 && row.messageId !== null,
      ],
      'messages of nobody': [() => ({ messageIds: [crypto.randomUUID()] }), () => false],
      'all at once': [
        () => ({
          metadata: { field: 'language', eq: 'en' },
          roles: ['user', 'system'],
          createdAt: { from: at(4), until: at(40) },
          messageIds: rows.flatMap(({ messageId }) => messageId ?? []),
        }),
        (row) => language(row) === 'en' && row.messageId !== null && row.number >= 4 && row.number < 40,
      ],
    };

    it.each(Object.entries(filters))(
      'lets through what has %s, by any strategy',
      async (_name, [make, holds]) => {
        const filter = make();
        for (const chatId of [undefined, chats[1]]) {
          const expected = rows.filter(
            (row) => holds(row) && (chatId === undefined || row.chatId === chatId),
          );
          for (const strategy of [undefined, ...STRATEGIES]) {
            const hits = await hitsOf(userId, {
              filter,
              ...(chatId && { chatId }),
              ...(strategy && { strategy }),
            });
            expect(ids(hits).sort(), `${strategy} ${chatId}`).toEqual(ids(expected).sort());
          }
        }
      },
    );

    it('fills the page with what passes, however little that is', async () => {
      const filter: SearchFilter = { metadata: { field: 'number', in: [3, 40, 41] } };
      const expected = ids(await hitsOf(userId, { filter, strategy: 'exact' }));
      expect(expected).toHaveLength(2);
      for (const strategy of STRATEGIES) {
        const options = { filter, strategy, limit: 2, threshold: null } as const;
        const answer = await must(store().vectorSearch.search(query, userId, options));
        expect(ids(answer.hits)).toEqual(expected);
        expect(answer).toMatchObject({ scopeRows: 48, underfilled: false });
      }
    });

    it('goes with a threshold and with pages', async () => {
      const filter: SearchFilter = { roles: ['user', 'assistant'], createdAt: { from: at(2) } };
      const all = await hitsOf(userId, { filter });
      const threshold = all[14]?.similarity ?? 0;
      for (const strategy of STRATEGIES) {
        const options = { filter, threshold, limit: 8, strategy };
        const first = await must(store().vectorSearch.search(query, userId, options));
        const cursor = first.nextCursor ?? '';
        const second = await must(store().vectorSearch.search(query, userId, { ...options, cursor }));
        expect([...first.hits, ...second.hits]).toEqual(all.slice(0, 15));
        expect(second.nextCursor).toBeNull();
      }
    });

    it('finds the messages of the user alone among those it is given', async () => {
      const other = await createUserWithChat(store());
      const theirs = await must(
        store().messages.append({ ...other, ...aMessage({ content: 'theirs', embedding: query }) }),
      );
      const messageIds = [theirs.id, ...rows.slice(0, 3).flatMap(({ messageId }) => messageId ?? [])];
      for (const strategy of [undefined, ...STRATEGIES]) {
        const hits = await hitsOf(userId, { filter: { messageIds }, ...(strategy && { strategy }) });
        expect(ids(hits).sort()).toEqual(ids(rows.slice(0, 3)).sort());
      }
    });
  });

  describe('the context of a hit', () => {
    const contents = (messages: readonly { content: string }[] | undefined) =>
      messages?.map(({ content }) => content);
    /** A chat of ten messages, 0–9, of which the given ones have an embedding. */
    const aChatWith = async (embedded: readonly number[]) => {
      const chat = await createUserWithChat(store());
      const messages = range(10).map((number) =>
        aMessage({
          content: `${number}`,
          role: number % 2 === 0 ? 'user' : 'assistant',
          metadata: { number },
          ...(embedded.includes(number) && { embedding: mixOf(query, coded(number), 0.6) }),
        }),
      );
      return { ...chat, messages: await must(store().messages.appendMany({ ...chat, messages })) };
    };

    it('is the messages before and after it, in reading order, by any strategy', async () => {
      const { userId, messages } = await aChatWith([5]);
      // Another chat of the same user, and one of another, between them in time.
      await aChatWith([5]);
      for (const strategy of STRATEGIES) {
        const [hit] = await hitsOf(userId, { strategy, context: { before: 2, after: 3 } });
        expect(hit).toMatchObject({ content: '5' });
        expect(contents(hit?.context?.before)).toEqual(['3', '4']);
        expect(contents(hit?.context?.after)).toEqual(['6', '7', '8']);
        const { userId: _user, chatId: _chat, ...expected } = messages[4] ?? {};
        expect(hit?.context?.before[1]).toEqual(expected);
      }
    });

    it('ends with the chat', async () => {
      const { userId } = await aChatWith([0, 9]);
      const hits = await hitsOf(userId, { context: { before: 50, after: 50 } });
      const first = hits.find(({ content }) => content === '0');
      const last = hits.find(({ content }) => content === '9');
      const others = range(8).map((index) => `${index + 1}`);
      expect(contents(first?.context?.before)).toEqual([]);
      expect(contents(first?.context?.after)).toEqual([...others, '9']);
      expect(contents(last?.context?.before)).toEqual(['0', ...others]);
      expect(contents(last?.context?.after)).toEqual([]);
    });

    it('is of one side, where the other is not asked for, and of none for none', async () => {
      const { userId } = await aChatWith([5]);
      const sides = async (context: NonNullable<SearchOptions['context']>) => {
        const [hit] = await hitsOf(userId, { context });
        return [contents(hit?.context?.before), contents(hit?.context?.after)];
      };
      expect(await sides({ before: 1 })).toEqual([['4'], []]);
      expect(await sides({ after: 1 })).toEqual([[], ['6']]);
      expect(await sides({})).toEqual([[], []]);
      const [without] = await hitsOf(userId, {});
      expect(without).not.toHaveProperty('context');
    });

    it('is empty for a vector without a message, and nothing where nothing is found', async () => {
      const { userId } = await aUserWith(store(), [query]);
      const [hit] = await hitsOf(userId, { context: { before: 5, after: 5 } });
      expect(hit?.context).toEqual({ before: [], after: [] });
      expect(await hitsOf(crypto.randomUUID(), { context: { before: 5, after: 5 } })).toEqual([]);
    });

    it('breaks equal instants by id, as a list of the chat does', async () => {
      const chat = await createUserWithChat(store());
      const messages = await appendAll(store(), chat, range(7).map(String));
      const tied = sql`update chat_messages set created_at = '2026-01-01' where chat_id = ${chat.chatId}`;
      await run(store(), tied);
      const middle = [...messages].sort((one, other) => (one.id < other.id ? -1 : 1));
      const hit = middle[3];
      const vector = aVector({ chatId: chat.chatId, messageId: hit?.id ?? null, embedding: query });
      await must(store().vectors.insert({ userId: chat.userId, ...vector }));
      const [found] = await hitsOf(chat.userId, { context: { before: 2, after: 2 } });
      expect(contents(found?.context?.before)).toEqual(contents(middle.slice(1, 3)));
      expect(contents(found?.context?.after)).toEqual(contents(middle.slice(4, 6)));
    });

    it('is each hit’s own, also of two chats', async () => {
      const one = await aChatWith([2, 7]);
      const { id: second } = await must(store().chats.create({ userId: one.userId, title: 'Second' }));
      await must(
        store().messages.appendMany({
          userId: one.userId,
          chatId: second,
          messages: [aMessage({ content: 'a' }), aMessage({ content: 'b', embedding: query })],
        }),
      );
      const hits = await hitsOf(one.userId, { context: { before: 1, after: 1 } });
      const around = Object.fromEntries(
        hits.map(({ content, context }) => [content, [contents(context?.before), contents(context?.after)]]),
      );
      expect(around).toEqual({ '2': [['1'], ['3']], '7': [['6'], ['8']], b: [['a'], []] });
    });
  });

  describe('the diversity of hits', () => {
    let userId: string;
    const embeddings = new Map<string, Float32Array>();
    beforeAll(async () => {
      // Ten subjects, each in six wordings that are near to each other, all somewhat near to the query.
      const given = range(60).map((index) =>
        unit(mixOf(query, mixOf(coded(index % 10), coded(500 + index), 0.8), 0.35)),
      );
      const owner = await aUserWith(store(), given);
      ({ userId } = owner);
      for (const [index, id] of owner.ids.entries()) embeddings.set(id, given[index] ?? query);
    });

    /** The similarity of two hits, as the server's 32-bit floats give it. */
    const between = (one: string | undefined, other: string | undefined) => {
      const [a, b] = [embeddings.get(one ?? ''), embeddings.get(other ?? '')];
      return a === undefined || b === undefined ? 0 : similarityOf(a, b);
    };

    it('is in nobody’s way at 0', async () => {
      const plain = await hitsOf(userId, { limit: 10 });
      expect(await hitsOf(userId, { limit: 10, diversity: 0 })).toEqual(plain);
    });

    it.each([0.1, 0.3, 0.5, 0.9, 1])(
      'picks as maximal marginal relevance is defined, at %d',
      async (diversity) => {
        for (const limit of [1, 2, 5, 12]) {
          const pool = await hitsOf(userId, { limit: 4 * limit, strategy: 'exact' });
          const expected = pickDiverseByDefinition(
            pool.map(({ similarity }) => similarity),
            (one, other) => between(pool[one]?.id, pool[other]?.id),
            limit,
            diversity,
          ).map((place) => pool[place]);
          for (const strategy of STRATEGIES) {
            const hits = await hitsOf(userId, { limit, diversity, strategy });
            expect(hits, `${strategy}, ${limit}`).toEqual(expected);
          }
        }
      },
    );

    it('covers more subjects the greater it is', async () => {
      const alike = async (diversity: number) => {
        const hits = await hitsOf(userId, { limit: 10, diversity });
        const pairs = hits.flatMap((one, at) => hits.slice(at + 1).map((other) => between(one.id, other.id)));
        return pairs.reduce((sum, similarity) => sum + similarity, 0);
      };
      expect(await alike(0.5)).toBeLessThan(await alike(0));
    });

    it('keeps to the threshold, and gives what there is where that is less', async () => {
      const all = await hitsOf(userId, {});
      const threshold = all[6]?.similarity ?? 0;
      for (const strategy of STRATEGIES) {
        const hits = await hitsOf(userId, { limit: 20, diversity: 0.7, threshold, strategy });
        expect(ids(hits).sort()).toEqual(ids(all.slice(0, 7)).sort());
      }
      expect(await hitsOf(userId, { limit: 20, diversity: 0.7, threshold: 1 })).toEqual([]);
      expect(await hitsOf(userId, { limit: 100, diversity: 0.7 })).toHaveLength(60);
    });

    it('tells of the pages that it has none', async () => {
      const options = { limit: 5, diversity: 0.5, threshold: null };
      const answer = await must(store().vectorSearch.search(query, userId, options));
      expect(answer).toMatchObject({ nextCursor: null, underfilled: false });
    });
  });
}
