import { errAsync, okAsync } from 'neverthrow';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { resolveConfig } from '../../src/config.js';
import { openDatabase } from '../../src/database/database.js';
import { createEmbeddingGuard } from '../../src/database/embedding-guard.js';
import { createStoreExecutor } from '../../src/database/transaction.js';
import { type StoreError, storeError } from '../../src/errors.js';
import type { HnswSwitch } from '../../src/repositories/vector-import.js';
import { createVectorRepository } from '../../src/repositories/vector-repository.js';
import type { ImportProgress } from '../../src/repositories/vectors.js';
import { silentTelemetry } from '../../src/telemetry.js';
import { someRows } from '../contract/vector-import.js';
import {
  anEmbedding,
  aVector,
  createServerStore,
  createUserWithChat,
  failure,
  must,
  type ServerStore,
  TINY,
} from '../support/builders.js';

let made: ServerStore;
let chat: { userId: string; chatId: string };
let closeRoom: () => Promise<void>;
let repositoryWith: (hnsw: HnswSwitch) => ReturnType<typeof createVectorRepository>;

beforeAll(async () => {
  made = await createServerStore();
  const config = resolveConfig({ database: { url: made.database.url } });
  const room = openDatabase(config.database, silentTelemetry);
  closeRoom = () => room.close(1_000);
  const executor = createStoreExecutor(room.driver, silentTelemetry);
  repositoryWith = (hnsw) => createVectorRepository(executor, TINY, createEmbeddingGuard(TINY), hnsw);
});
afterAll(async () => {
  await closeRoom();
  await made[Symbol.asyncDispose]();
});
beforeEach(async () => {
  chat = await createUserWithChat(made.store);
});

const count = () => must(made.store.vectors.count(chat));
const broken = storeError('timeout', 'vectorIndex.ensure', 'no time');

/** A switch that notes what was asked of it, and how many rows there were then. */
function noting({
  drop = null,
  ensure = null,
}: {
  drop?: StoreError | null;
  ensure?: StoreError | null;
} = {}) {
  const calls: [name: string, rows: number, signal: boolean][] = [];
  const note = (name: string, error: StoreError | null, signal: AbortSignal | undefined) =>
    made.store.vectors.count(chat).andThen((rows) => {
      calls.push([name, rows, signal !== undefined]);
      return error === null ? okAsync(null) : errAsync(error);
    });
  const hnsw: HnswSwitch = {
    drop: (index, options) => note(`drop ${index}`, drop, options?.signal),
    ensure: ({ signal }) => note('ensure', ensure, signal),
  };
  return { calls, hnsw };
}

describe("vectors.import, hnsw: 'rebuild'", () => {
  it('drops the index, loads, builds it again, and tells what can be found when', async () => {
    const { calls, hnsw } = noting();
    const told: ImportProgress[] = [];
    const report = await must(
      repositoryWith(hnsw).import(someRows(chat, 1_500), {
        hnsw: 'rebuild',
        onProgress: (progress) => told.push(progress),
      }),
    );
    expect(report.rows).toBe(1_500);
    expect(calls).toEqual([
      ['drop hnsw', 0, false],
      ['ensure', 1_500, false],
    ]);
    expect(told.map(({ phase, searchable }) => [phase, searchable])).toEqual(
      expect.arrayContaining([
        ['dropping-hnsw', { rows: 0, hnsw: 'as-before' }],
        ['loading', { rows: 0, hnsw: 'dropped' }],
        ['rebuilding-hnsw', { rows: 1_500, hnsw: 'dropped' }],
      ]),
    );
  });

  it('builds it again when the load fails, also by its signal, which ends that no more', async () => {
    const { calls, hnsw } = noting();
    const bad = { ...chat, ...aVector(chat), content: '\u0000' };
    const error = await failure(repositoryWith(hnsw).import([bad], { hnsw: 'rebuild' }));
    expect(error).toMatchObject({ kind: 'invalid-input', issues: [{ path: 'rows.0.content' }] });
    expect(calls.splice(0)).toEqual([
      ['drop hnsw', 0, false],
      ['ensure', 0, false],
    ]);
    const abort = new AbortController();
    function* rows() {
      yield* someRows(chat, 1_500);
      abort.abort();
      yield* someRows(chat, 10);
    }
    const { signal } = abort;
    expect(await failure(repositoryWith(hnsw).import(rows(), { hnsw: 'rebuild', signal }))).toMatchObject({
      kind: 'aborted',
    });
    expect(calls).toEqual([
      ['drop hnsw', 0, true],
      ['ensure', 0, false],
    ]);
    expect(await count()).toBe(0);
  });

  it('keeps the rows when it cannot be built again, and says so', async () => {
    const { hnsw } = noting({ ensure: broken });
    const error = await failure(repositoryWith(hnsw).import(someRows(chat, 1_500), { hnsw: 'rebuild' }));
    expect(error).toMatchObject({
      kind: 'hnsw-switch-failed',
      step: 'rebuild',
      rows: 1_500,
      loadError: null,
    });
    expect(error.cause).toBe(broken);
    expect(error.message).toContain('1500 rows are stored');
    expect(await count()).toBe(1_500);
  });

  it('tells both errors when the load and the build fail', async () => {
    const { hnsw } = noting({ ensure: broken });
    const error = await failure(repositoryWith(hnsw).import([null as never], { hnsw: 'rebuild' }));
    expect(error).toMatchObject({
      kind: 'hnsw-switch-failed',
      rows: 0,
      loadError: { kind: 'invalid-input' },
    });
  });

  it('loads nothing when the index cannot be dropped', async () => {
    const { calls, hnsw } = noting({ drop: broken });
    let taken = 0;
    function* rows() {
      for (const row of someRows(chat, 10)) {
        taken += 1;
        yield row;
      }
    }
    const error = await failure(repositoryWith(hnsw).import(rows(), { hnsw: 'rebuild' }));
    expect(error).toMatchObject({ kind: 'hnsw-switch-failed', step: 'drop', rows: 0, loadError: null });
    expect(calls).toEqual([['drop hnsw', 0, false]]);
    expect(taken).toBe(0);
  });
});

describe("vectors.import, hnsw: 'rebuild', on a table with the index", () => {
  it('leaves searches right all the time, and the index valid in the end', async () => {
    await using own = await createServerStore({ hnsw: 'build' });
    const { store, database } = own;
    const owner = await createUserWithChat(store);
    const id = await must(store.vectors.insert({ ...owner, ...aVector(owner), embedding: anEmbedding(7) }));
    const isValid = async () => {
      const [row] = await database.query<{ valid: boolean }>(
        `select indisvalid as valid from pg_index where indexrelid = to_regclass('idx_chat_vectors_embedding_hnsw')`,
      );
      return row?.valid ?? null;
    };
    const nearest = async () => {
      const options = { limit: 1, threshold: null };
      return (await must(store.vectorSearch.semanticSearch(anEmbedding(7), owner.userId, options)))[0]?.id;
    };
    expect(await isValid()).toBe(true);
    async function* rows() {
      yield* someRows(owner, 5);
      expect(await isValid()).toBe(null);
      expect(await nearest()).toBe(id);
      yield* someRows(owner, 1_500);
    }
    expect((await must(store.vectors.import(rows(), { hnsw: 'rebuild' }))).rows).toBe(1_505);
    expect(await isValid()).toBe(true);

    const abort = new AbortController();
    const error = await failure(
      store.vectors.import(someRows(owner, 10), {
        hnsw: 'rebuild',
        signal: abort.signal,
        onProgress: ({ phase }) => phase === 'rebuilding-hnsw' && abort.abort(),
      }),
    );
    expect(error).toMatchObject({ kind: 'hnsw-switch-failed', step: 'rebuild', rows: 10, loadError: null });
    expect(error.cause).toMatchObject({ kind: 'aborted' });
    expect(await must(store.vectors.count(owner))).toBe(1_516);
    await must(store.vectors.index.ensure({ hnsw: true }));
    expect(await isValid()).toBe(true);
  });
});
