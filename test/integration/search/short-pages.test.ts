import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { MESSAGE_ROLES } from '../../../src/schema/chat-messages.js';
import type { SearchFilter, SearchOptions } from '../../../src/search/vector-search.js';
import { createServerStore, must, type ServerStore } from '../../support/builders.js';
import { addVectors, CODED, coded, mixOf, range, STRATEGIES } from '../../support/search-data.js';
import { seededRandom } from '../../support/seeded-random.js';
import {
  addRows,
  embeddingIn,
  fillTable,
  rowsOfTable,
  type TableRow,
  type TableUser,
  vacuum,
} from '../../support/vector-table.js';

const SEARCHES = 3_000;
const AT_ONCE = 4;
const MINUTE = 60_000;

let made: ServerStore;
let users: readonly TableUser[];
let rows: readonly TableRow[];
let query: Float32Array;

beforeAll(async () => {
  made = await createServerStore({ embedding: CODED, hnsw: 'build' });
  const sizes = [3_300, 300, 60, 12, ...range(20).map((index) => index % 5)];
  users = await fillTable(made.database, { sizes, dimensions: CODED.dimensions });
  query = await embeddingIn(made.database, users[0] as TableUser);
  await vacuum(made.database);
  rows = await rowsOfTable(made.database);
});
afterAll(() => made[Symbol.asyncDispose]());

interface Case {
  readonly userId: string;
  readonly options: SearchOptions;
  /** Whether a row of the user is to be found. */
  holds(row: TableRow): boolean;
}

/** A search of one of the users, with the meaning of its conditions in JavaScript. */
function aCase(random: () => number): Case {
  const below = (count: number) => Math.floor(random() * count);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const maybe = <T>(share: number, make: () => T): T | undefined => (random() < share ? make() : undefined);
  // Every size as often as any other.
  const user = random() < 0.7 ? (users[below(4)] as TableUser) : pick(users);
  const conditions: ((row: TableRow) => boolean)[] = [];
  const filter: { -readonly [Key in keyof SearchFilter]: SearchFilter[Key] } = {};

  const metadata = maybe(0.5, () => below(6));
  const [tag, number] = [`tag ${below(100)}`, user.rows === 0 ? 0 : below(user.rows)];
  const first = Math.min(
    ...rows.filter(({ userId }) => userId === user.userId).map((row) => row.metadata?.number ?? Infinity),
  );
  const base = Number.isFinite(first) ? Math.floor(first / 1_000_000) * 1_000_000 : 0;
  if (metadata === 0) {
    filter.metadata = { field: 'tag', eq: tag };
    conditions.push((row) => row.metadata?.tag === tag);
  } else if (metadata === 1) {
    const tags = range(1 + below(5)).map(() => `tag ${below(110)}`);
    filter.metadata = { field: 'tag', in: tags };
    conditions.push((row) => row.metadata !== null && tags.includes(row.metadata.tag));
  } else if (metadata === 2) {
    filter.metadata = {
      and: [
        { field: 'number', gte: base + number },
        { field: 'number', lt: base + number + 40 },
      ],
    };
    conditions.push((row) => {
      const at = (row.metadata?.number ?? -1) - base - number;
      return at >= 0 && at < 40;
    });
  } else if (metadata === 3) {
    filter.metadata = { field: 'third', exists: true };
    conditions.push((row) => row.metadata?.third === true);
  } else if (metadata === 4) {
    filter.metadata = { not: { field: 'tag', exists: true } };
    conditions.push((row) => row.metadata === null);
  } else if (metadata === 5) {
    filter.metadata = { field: 'tag', eq: 'no such tag' };
    conditions.push(() => false);
  }
  const roles = maybe(0.3, () => range(1 + below(2)).map(() => pick(MESSAGE_ROLES)));
  if (roles !== undefined) {
    filter.roles = roles;
    conditions.push(({ role }) => roles.some((one) => one === role));
  }
  const from = maybe(0.2, () => new Date(Date.UTC(2026, 0, 1) + below(1_100) * 3_600_000));
  const until = maybe(0.2, () => new Date(Date.UTC(2026, 0, 1) + below(1_100) * 3_600_000));
  if (from !== undefined || until !== undefined) {
    filter.createdAt = { ...(from && { from }), ...(until && { until }) };
    conditions.push(({ createdAt }) => (!from || createdAt >= from) && (!until || createdAt < until));
  }
  const messageIds = maybe(0.1, () => {
    const given = range(1 + below(30)).flatMap(() => pick(rows).messageId ?? []);
    return given.length > 0 ? given : [crypto.randomUUID()];
  });
  if (messageIds !== undefined) {
    filter.messageIds = messageIds;
    conditions.push(({ messageId }) => messageId !== null && messageIds.includes(messageId));
  }
  const chatId = maybe(0.3, () => pick(user.chatIds));
  if (chatId !== undefined) conditions.push((row) => row.chatId === chatId);
  const strategy = pick([undefined, undefined, undefined, ...STRATEGIES]);
  return {
    userId: user.userId,
    options: {
      threshold: null,
      limit: 1 + below(50),
      filter,
      ...(chatId && { chatId }),
      ...(strategy && { strategy }),
      ...(random() < 0.1 && { candidates: 1 + below(30) }),
      ...(random() < 0.1 && { efSearch: 1 + below(200) }),
    },
    holds: (row) => row.userId === user.userId && conditions.every((condition) => condition(row)),
  };
}

describe('a page', () => {
  it(`is never short in ${SEARCHES} random filtered searches, and never has a row that does not belong`, {
    timeout: 120_000,
  }, async () => {
    await using store = createMacroStore({
      database: { url: made.database.url, max: AT_ONCE },
      embedding: CODED,
    });
    const random = seededRandom(11);
    const used = new Map<string, number>();
    const wrong: string[] = [];
    let full = 0;
    const one = async () => {
      const { userId, options, holds } = aCase(random);
      const towards = mixOf(query, coded(Math.floor(random() * 1_000)), random());
      const answer = await must(store.vectorSearch.search(towards, userId, options));
      const hits = await must(store.vectorSearch.semanticSearch(towards, userId, options));
      const matching = new Set(rows.filter(holds).map(({ id }) => id));
      const found = new Set(answer.hits.map(({ id }) => id));
      const limit = options.limit ?? 10;
      const isRight =
        found.size === answer.hits.length &&
        found.size === Math.min(limit, matching.size) &&
        [...found].every((id) => matching.has(id)) &&
        new Set(hits.map(({ id }) => id)).size === found.size &&
        hits.every(({ id }) => matching.has(id)) &&
        answer.underfilled === matching.size < limit;
      if (!isRight)
        wrong.push(JSON.stringify({ userId, options, found: found.size, matching: matching.size }));
      if (matching.size > 0 && found.size === limit) full += 1;
      const kind = `${answer.strategy}${answer.retried ? ', retried' : ''}`;
      used.set(kind, (used.get(kind) ?? 0) + 1);
    };
    for (let done = 0; done < SEARCHES; done += AT_ONCE) await Promise.all(range(AT_ONCE).map(one));
    expect(wrong).toEqual([]);
    // The mixture is one: pages that can be filled and others, every strategy, and second tries.
    expect(full).toBeGreaterThan(SEARCHES / 10);
    expect(full).toBeLessThan((SEARCHES * 9) / 10);
    for (const kind of ['exact', 'codes', 'hnsw', 'exact, retried']) {
      expect(used.get(kind) ?? 0, kind).toBeGreaterThan(10);
    }
  });
});

describe('the size that was learned of a scope', () => {
  /** A store whose minutes are made by hand. */
  const withClock = () => {
    const clock = { now: Date.now() };
    const store = createMacroStore({
      database: { url: made.database.url, max: 1 },
      embedding: CODED,
      clock: () => clock.now,
    });
    return { clock, store, [Symbol.asyncDispose]: () => store.close() };
  };
  const find = (store: MacroStore, userId: string, options: SearchOptions = {}) =>
    must(store.vectorSearch.search(query, userId, { threshold: null, ...options }));

  it('may be of a minute ago: a user who has grown is searched as before, and rightly', async () => {
    await using made = withClock();
    const { store, clock } = made;
    const [user] = await fillTable(database(), { sizes: [4], dimensions: CODED.dimensions });
    const { userId } = user as TableUser;
    expect((await find(store, userId)).strategy).toBe('codes');
    expect(await find(store, userId)).toMatchObject({ strategy: 'exact', scopeRows: 4 });

    const grown = { ...(user as TableUser), rows: 1_996 };
    await addRows(database(), grown, { from: 5_000_000, dimensions: CODED.dimensions });
    clock.now += MINUTE - 1;
    const exact = await must(
      store.vectorSearch.search(query, userId, { threshold: null, limit: 50, strategy: 'exact' }),
    );
    for (const limit of [1, 10, 50]) {
      const answer = await find(store, userId, { limit });
      expect(answer).toMatchObject({ strategy: 'exact', scopeRows: 4, underfilled: false });
      expect(answer.hits).toEqual(exact.hits.slice(0, limit));
    }
    for (const strategy of ['codes', 'hnsw'] as const) {
      expect((await find(store, userId, { limit: 50, strategy })).hits).toHaveLength(50);
    }
    clock.now += 1;
    expect(await find(store, userId)).toMatchObject({ strategy: 'exact', scopeRows: 2_000 });
    expect(await find(store, userId)).toMatchObject({ strategy: 'codes', scopeRows: 2_000, retried: false });
    await must(store.users.delete(userId));
  });

  it('may be of a minute ago: a user who has shrunk is searched rightly too', async () => {
    await using made = withClock();
    const { store, clock } = made;
    const [user] = await fillTable(database(), { sizes: [600], dimensions: CODED.dimensions });
    const { userId } = user as TableUser;
    await find(store, userId);
    expect(await find(store, userId)).toMatchObject({ strategy: 'codes', scopeRows: 600 });
    await database().query(
      `delete from chat_vectors where user_id = $1 and id not in (select id from chat_vectors where user_id = $1 limit 5)`,
      [userId],
    );
    const answer = await find(store, userId);
    expect(answer).toMatchObject({ scopeRows: 600, underfilled: true, nextCursor: null });
    expect(answer.hits).toHaveLength(5);
    clock.now += MINUTE;
    await find(store, userId);
    expect(await find(store, userId)).toMatchObject({ strategy: 'exact', scopeRows: 5 });
    await must(store.users.delete(userId));
  });

  it('is of the chat apart from the user', async () => {
    await using made = withClock();
    const { store } = made;
    const { userId, chatIds } = users[1] as TableUser;
    const chatId = chatIds[0] ?? '';
    await find(store, userId);
    expect((await find(store, userId, { chatId })).scopeRows).toBe(150);
    expect((await find(store, userId)).scopeRows).toBe(300);
    expect((await find(store, userId, { chatId })).scopeRows).toBe(150);
  });

  const database = () => made.database;
});

describe('searches beside writes', () => {
  it('never come back short of what was there all along', async () => {
    const { store } = made;
    const { userId, chatIds } = users[2] as TableUser;
    const owner = { userId, chatId: chatIds[0] ?? '' };
    let isWriting = true;
    const writer = (async () => {
      while (isWriting) {
        const added = await addVectors(
          store,
          owner,
          range(20).map((seed) => coded(70_000 + seed)),
        );
        for (const vectorId of added) await must(store.vectors.delete({ userId, vectorId }));
      }
    })();
    try {
      for (let round = 0; round < 25; round += 1) {
        for (const strategy of [undefined, ...STRATEGIES]) {
          const options = { threshold: null, limit: 60, ...(strategy && { strategy }) };
          const { hits } = await must(store.vectorSearch.search(query, userId, options));
          expect(hits, strategy).toHaveLength(60);
        }
      }
    } finally {
      isWriting = false;
      await writer;
    }
  });
});
