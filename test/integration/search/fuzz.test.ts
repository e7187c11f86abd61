import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MacroStore } from '../../../src/create-macro-store.js';
import type { SearchOptions } from '../../../src/search/vector-search.js';
import { anEmbedding, createServerStore, must, type ServerStore, TINY } from '../../support/builders.js';
import { fillTable, rowsOfTable, type TableUser } from '../../support/vector-table.js';

let made: ServerStore;
let users: readonly TableUser[];
let messageIds: readonly string[];
let idsOf: ReadonlyMap<string, ReadonlySet<string>>;
let cursors: readonly string[];

beforeAll(async () => {
  made = await createServerStore({ hnsw: 'build' });
  users = await fillTable(made.database, { sizes: [60, 20, 0], dimensions: TINY.dimensions });
  const rows = await rowsOfTable(made.database);
  messageIds = rows.flatMap(({ messageId }) => messageId ?? []);
  idsOf = new Map(
    users.map(({ userId }) => [
      userId,
      new Set(rows.filter((row) => row.userId === userId).map(({ id }) => id)),
    ]),
  );
  const pages = users
    .slice(0, 2)
    .map(({ userId }) =>
      must(made.store.vectorSearch.search(anEmbedding(1), userId, { threshold: null, limit: 3 })),
    );
  cursors = (await Promise.all(pages)).map(({ nextCursor }) => nextCursor ?? '');
});
afterAll(() => made[Symbol.asyncDispose]());

const garbage = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    undefined,
    '',
    'x',
    0,
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e300,
    [],
    {},
  ),
  fc.constantFrom<unknown>(
    true,
    2 ** 31,
    2 ** 53,
    '\u0000',
    '\ud800',
    "'; drop table users; --",
    10n,
    new Date(Number.NaN),
  ),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
);
/** Mostly right, now and then not. */
const orGarbage = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 60, arbitrary: right as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: garbage });

const anyDate = fc.oneof(
  fc.date({ noInvalidDate: true, min: new Date('2025-12-01'), max: new Date('2026-03-01') }),
  fc.date(),
  fc.constantFrom(
    new Date(8.64e15),
    new Date(-8.64e15),
    new Date('0001-01-01'),
    new Date('9999-12-31T23:59:59.999Z'),
  ),
);
const scalar = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
);
const field = fc.oneof(
  fc.constantFrom('tag', 'number', 'third'),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const condition = fc.oneof(
  ...(['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'contains'] as const).map((operator) =>
    fc.tuple(field, scalar).map(([name, value]) => ({ field: name, [operator]: value })),
  ),
  ...(['in', 'nin', 'contains'] as const).map((operator) =>
    fc
      .tuple(field, fc.array(scalar, { maxLength: 30 }))
      .map(([name, value]) => ({ field: name, [operator]: value })),
  ),
  field.map((name) => ({ field: name, exists: true })),
);
const metadata = fc.oneof(
  condition,
  fc.array(condition, { maxLength: 4 }).map((and) => ({ and })),
  fc.array(condition, { maxLength: 4 }).map((or) => ({ or })),
  condition.map((not) => ({ not })),
);
const sometimes = { requiredKeys: [] as [] };

/** Everything a call takes; built when the ids are there. */
const call = () => {
  const filter = fc.record(
    {
      metadata: orGarbage(metadata),
      roles: orGarbage(fc.array(fc.constantFrom('user', 'assistant', 'system', 'tool'), { maxLength: 5 })),
      createdAt: orGarbage(fc.record({ from: orGarbage(anyDate), until: orGarbage(anyDate) }, sometimes)),
      messageIds: orGarbage(
        fc.array(fc.oneof(fc.constantFrom(...messageIds), fc.uuid()), { minLength: 1, maxLength: 9 }),
      ),
    },
    sometimes,
  );
  // What not every method takes, nor with everything else.
  const rare = fc.record(
    {
      context: orGarbage(
        fc.record({ before: fc.integer({ min: 0, max: 50 }), after: fc.nat(50) }, sometimes),
      ),
      diversity: orGarbage(fc.double({ min: 0, max: 1, noNaN: true })),
      cursor: orGarbage(fc.constantFrom(...cursors)),
    },
    sometimes,
  );
  const common = fc.record(
    {
      limit: orGarbage(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1_000 }))),
      threshold: orGarbage(fc.option(fc.double({ min: -1, max: 1, noNaN: true }))),
      chatId: orGarbage(fc.constantFrom(...users.flatMap(({ chatIds }) => chatIds))),
      filter: orGarbage(filter),
      strategy: orGarbage(fc.constantFrom('exact', 'codes', 'hnsw')),
      candidates: orGarbage(fc.integer({ min: 1, max: 20_000 })),
      efSearch: orGarbage(fc.integer({ min: 1, max: 1_000 })),
    },
    sometimes,
  );
  const options = fc.oneof(
    { weight: 3, arbitrary: common },
    { weight: 1, arbitrary: fc.tuple(common, rare).map(([one, other]) => ({ ...one, ...other })) },
  );
  return fc.record({
    method: fc.constantFrom('semanticSearch', 'search', 'explain', 'searchMany', 'hybridSearch'),
    userId: orGarbage(fc.constantFrom(...users.map(({ userId }) => userId))),
    embedding: orGarbage(fc.integer({ min: 1, max: 5 }).map((seed) => anEmbedding(seed))),
    text: orGarbage(
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('text', '"a text" -b', "'", '\\', ':*&|!()')),
    ),
    options: orGarbage(options),
  });
};

interface Call {
  readonly method: string;
  readonly userId: unknown;
  readonly embedding: unknown;
  readonly text: unknown;
  readonly options: unknown;
}

/** What only the checks are to see through. */
function run({ vectorSearch }: MacroStore, { method, userId, embedding, text, options }: Call) {
  const given = [userId as string, options as SearchOptions] as const;
  if (method === 'searchMany')
    return vectorSearch.searchMany([embedding, embedding] as Float32Array[], ...given);
  if (method === 'hybridSearch') {
    return vectorSearch.hybridSearch(
      { text: text as string, embedding: embedding as Float32Array },
      ...given,
    );
  }
  if (method === 'explain') return vectorSearch.explain(embedding as Float32Array, ...given);
  if (method === 'search') return vectorSearch.search(embedding as Float32Array, ...given);
  return vectorSearch.semanticSearch(embedding as Float32Array, ...given);
}

describe('any call of a search', () => {
  it('gives hits of its user alone, or says by name what is wrong with it: never an error of the server', async () => {
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(call(), async (given) => {
        const result = await run(made.store, given);
        const outcome = result.isOk() ? 'ok' : result.error.kind;
        outcomes.set(`${given.method} ${outcome}`, (outcomes.get(`${given.method} ${outcome}`) ?? 0) + 1);
        if (result.isErr()) {
          expect(['invalid-input', 'dimension-mismatch']).toContain(result.error.kind);
          const { error } = result;
          // What the server refuses has no name.
          if (error.kind === 'invalid-input') {
            expect(error.issues.map(({ path }) => path)).not.toContain('value');
            expect(error.cause).toBeUndefined();
          }
          return;
        }
        const hits =
          'hits' in result.value ? result.value.hits : 'plan' in result.value ? [] : result.value.flat();
        const own = idsOf.get(given.userId as string);
        expect(hits.filter(({ id }) => !own?.has(id))).toEqual([]);
      }),
      { numRuns: 2_500 },
    );
    for (const method of ['semanticSearch', 'search', 'explain', 'searchMany', 'hybridSearch']) {
      expect(outcomes.get(`${method} ok`), method).toBeGreaterThan(50);
      expect(outcomes.get(`${method} invalid-input`), method).toBeGreaterThan(20);
    }
  }, 60_000);
});
