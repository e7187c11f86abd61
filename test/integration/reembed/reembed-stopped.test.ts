import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { unredactedCauseOf } from '../../../src/errors.js';
import type { EmbedTexts } from '../../../src/reembed/reembedding.js';
import { failure, must } from '../../support/builders.js';
import { dumpCatalog } from '../../support/catalog-dump.js';
import { embedWith, NEW, OLD, SAME_SHAPE } from '../../support/embed-text.js';
import {
  appendTexts,
  findText,
  mustReembed,
  reembed,
  rowsOf,
  storeOf,
  storeWithTexts,
} from '../../support/reembeddings.js';
import type { TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

/** Embeds so many times, and then does something else. */
const embedTimes =
  (times: number, then: EmbedTexts): EmbedTexts =>
  async (texts, options) => {
    times -= 1;
    return times >= 0 ? embedWith(NEW)(texts, options) : then(texts, options);
  };

const small = { batchSize: 5, lockTimeoutMs: 50, retryForMs: 300, lockWaitMs: 0 };

/** A connection in an open transaction that has run the statement. */
async function holding(database: TestDatabase, statement: string) {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(`begin; ${statement}`);
  return { query: (text: string) => client.query(text), [Symbol.asyncDispose]: () => client.end() };
}

describe('vectors.reembed, stopped', () => {
  it('by what embed throws, says so, keeps what was embedded, and goes on with the next call', async () => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    const thrown = new Error('rate limit: text 3');
    const error = await failure(
      reembed(store, NEW, { ...small, embed: embedTimes(2, () => Promise.reject(thrown)) }),
    );
    expect(error).toMatchObject({ kind: 'callback-threw', operation: 'vectors.reembed' });
    expect(error.message).not.toContain('rate limit');
    expect(unredactedCauseOf(error)).toBe(thrown);
    expect(await must(store.vectors.reembedStatus())).toEqual({
      phase: 'backfilling',
      from: { ...OLD, model: null },
      to: NEW,
      rows: 25,
      embedded: 10,
      pending: 15,
    });
    expect(await findText(store, chat.userId, OLD, 'text 3')).toEqual(['text 3']);
    expect(await mustReembed(store, NEW)).toMatchObject({ embedded: 15 });
    expect(Object.keys(await rowsOf(database, 'chat_vectors', NEW))).toHaveLength(25);
  });

  it.each<[string, EmbedTexts, object]>([
    ['too few', async () => [], { kind: 'invalid-input', issues: [{ path: 'embeddings' }] }],
    ['no array', (async () => null) as never, { kind: 'invalid-input', issues: [{ path: 'embeddings' }] }],
    [
      'an embedding of other dimensions',
      async (texts) => texts.map((_, index) => new Float32Array(index === 3 ? 15 : 16).fill(1)),
      {
        kind: 'dimension-mismatch',
        message: expect.stringContaining('embeddings.3'),
        expected: 16,
        actual: 15,
      },
    ],
    [
      'a number that is none',
      async (texts) => texts.map((_, index) => Array(16).fill(index === 2 ? Number.NaN : 1)),
      { kind: 'invalid-input', issues: [{ path: 'embeddings.2.0' }] },
    ],
    [
      'zeros',
      async (texts) => texts.map(() => new Float32Array(16)),
      { kind: 'invalid-input', issues: [{ path: 'embeddings.0' }] },
    ],
  ])('by an embed that gives %s, names it and writes nothing of the batch', async (_name, embed, error) => {
    await using started = await storeWithTexts();
    expect(
      await failure(reembed(started.store, NEW, { ...small, embed: embedTimes(1, embed) })),
    ).toMatchObject(error);
    expect(Object.keys(await rowsOf(started.database, 'chat_vectors_next', NEW))).toHaveLength(5);
    expect(await mustReembed(started.store, NEW)).toMatchObject({ embedded: 20, pending: 0 });
  });

  it('by its signal, does not wait for an embed that does not heed it', async () => {
    await using started = await storeWithTexts();
    const controller = new AbortController();
    const signals: AbortSignal[] = [];
    const embed: EmbedTexts = embedTimes(1, (_texts, { signal }) => {
      signals.push(signal);
      controller.abort();
      return new Promise(() => {});
    });
    const error = await failure(reembed(started.store, NEW, { ...small, embed, signal: controller.signal }));
    expect(error.kind).toBe('aborted');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(await mustReembed(started.store, NEW)).toMatchObject({ embedded: 20, pending: 0 });
  });

  it('by its signal before it starts, does nothing', async () => {
    await using started = await storeWithTexts();
    const error = await failure(reembed(started.store, NEW, { signal: AbortSignal.abort() }));
    expect(error.kind).toBe('aborted');
    expect((await must(started.store.vectors.reembedStatus())).phase).toBe('none');
  });

  it('by what onProgress throws, at each of its events, goes on with the next call', async () => {
    await using started = await storeWithTexts({ hnsw: 'build' });
    const { database, store } = started;
    for (const type of ['table-created', 'queued', 'embedded', 'index-built', 'cut-over'] as const) {
      const onProgress = (event: { type: string }) => {
        if (event.type === type) throw new Error('stop');
      };
      expect((await failure(reembed(store, NEW, { ...small, onProgress }))).kind, type).toBe(
        'callback-threw',
      );
    }
    expect(await mustReembed(store, NEW)).toMatchObject({ pending: 0 });
    expect(Object.keys(await rowsOf(database, 'chat_vectors', NEW))).toHaveLength(25);
  });

  it('ends the other calls of embed when one fails', async () => {
    await using started = await storeWithTexts();
    const ended: boolean[] = [];
    let calls = 0;
    const embed: EmbedTexts = (_texts, { signal }) => {
      calls += 1;
      if (calls === 1)
        return until('another call is under way', () => calls > 1).then(() => Promise.reject(new Error()));
      return new Promise(() => {
        signal.addEventListener('abort', () => ended.push(true));
      });
    };
    expect((await failure(reembed(started.store, NEW, { ...small, concurrency: 2, embed }))).kind).toBe(
      'callback-threw',
    );
    expect(ended).toEqual([true]);
  });
});

describe('two calls of vectors.reembed', () => {
  it('at once: one works, the other waits and finds nothing left', async () => {
    await using started = await storeWithTexts();
    await using other = storeOf(started.database, OLD);
    const reports = await Promise.all([mustReembed(started.store, NEW), mustReembed(other, NEW)]);
    expect(reports.map(({ embedded }) => embedded).sort()).toEqual([0, 25]);
  });

  it('at once: the other is refused where it may not wait', async () => {
    await using started = await storeWithTexts();
    const { store } = started;
    let second: unknown = null;
    await mustReembed(store, NEW, {
      embed: async (texts, options) => {
        second = await failure(reembed(store, NEW, { lockWaitMs: 0 }));
        return embedWith(NEW)(texts, options);
      },
    });
    expect(second).toMatchObject({ kind: 'reembed-refused', reason: 'running' });
  });

  it('to two models: the second is refused until the first is finished or given up', async () => {
    await using started = await storeWithTexts();
    const { database, store } = started;
    const before = await dumpCatalog(database);
    await failure(reembed(store, NEW, { ...small, embed: embedTimes(2, () => Promise.reject(new Error())) }));
    const otherTarget = { kind: 'reembed-refused', reason: 'other-target' };
    expect(await failure(reembed(store, SAME_SHAPE))).toMatchObject(otherTarget);
    expect((await failure(reembed(store, SAME_SHAPE))).message).toMatch(/vector\(16\).*abandonReembed/);

    await must(store.vectors.abandonReembed());
    expect(await dumpCatalog(database)).toEqual(before);
    expect((await must(store.vectors.reembedStatus())).phase).toBe('none');
    await mustReembed(store, SAME_SHAPE);
    expect(await failure(reembed(store, NEW))).toMatchObject(otherTarget);
    expect(await failure(store.vectors.abandonReembed())).toMatchObject({ reason: 'past-cut-over' });
    await must(store.vectors.dropPreviousEmbeddings());
    await mustReembed(store, NEW);
  });
});

describe('vectors.reembed is refused', () => {
  it.each([
    [
      'trigger mine',
      'create trigger mine after insert on chat_vectors execute function suppress_redundant_updates_trigger()',
    ],
    ['policy mine', 'create policy mine on chat_vectors'],
    ['row level security', 'alter table chat_vectors enable row level security'],
    ['view mine', 'create view mine as select id from chat_vectors'],
    ['foreign key mine_id_fkey', 'create table mine (id uuid references chat_vectors)'],
  ])('for a %s of the application, and does nothing', async (what, statement) => {
    await using started = await storeWithTexts();
    const { database, store } = started;
    await database.query(statement);
    const before = await dumpCatalog(database);
    const error = await failure(reembed(store, NEW));
    expect(error).toMatchObject({ kind: 'reembed-refused', reason: 'table-extended' });
    expect(error.message).toContain(what);
    expect(await dumpCatalog(database)).toEqual(before);
  });

  it('while somebody keeps the table, without holding others up, and goes on when it is free', async () => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    {
      await using _writer = await holding(database, 'lock table chat_vectors in row exclusive mode');
      expect(await failure(reembed(store, NEW, small))).toMatchObject({
        kind: 'reembed-refused',
        reason: 'table-in-use',
      });
      expect((await must(store.vectors.reembedStatus())).phase).toBe('none');
    }
    {
      await using _reader = await holding(database, 'select from chat_vectors limit 1');
      const tries: string[] = [];
      const onProgress = (event: { type: string; step?: string }) =>
        void (event.step && tries.push(event.step));
      const refused = await failure(reembed(store, NEW, { ...small, retryForMs: 2_000, onProgress }));
      expect(refused).toMatchObject({ reason: 'table-in-use' });
      expect(new Set(tries)).toEqual(new Set(['cut-over']));
      expect(await findText(store, chat.userId, OLD, 'text 3')).toEqual(['text 3']);
    }
    expect(await mustReembed(store, NEW)).toMatchObject({ embedded: 0, pending: 0 });
  });

  it('to cut over a table that has got another column meanwhile', async () => {
    await using started = await storeWithTexts();
    const { database, store } = started;
    const embed = embedTimes(1, async (texts, options) => {
      await database.query('alter table chat_vectors add column if not exists note text');
      return embedWith(NEW)(texts, options);
    });
    expect(await failure(reembed(store, NEW, { ...small, embed }))).toMatchObject({
      reason: 'table-changed',
    });
    await must(store.vectors.abandonReembed());
    expect(await mustReembed(store, NEW)).toMatchObject({ embedded: 25 });
  });

  it('to end where nothing is under way, or not that far', async () => {
    await using started = await storeWithTexts();
    const { store } = started;
    const nothing = { kind: 'reembed-refused', reason: 'not-under-way' };
    expect(await failure(store.vectors.dropPreviousEmbeddings())).toMatchObject(nothing);
    expect(await failure(store.vectors.abandonReembed())).toMatchObject(nothing);
    await failure(reembed(store, NEW, { embed: () => Promise.reject(new Error()) }));
    expect(await failure(store.vectors.dropPreviousEmbeddings())).toMatchObject(nothing);
    await mustReembed(store, NEW);
    await must(store.vectors.dropPreviousEmbeddings());
    expect(await failure(store.vectors.dropPreviousEmbeddings())).toMatchObject(nothing);
  });

  it('to drop rows that the new table has not', async () => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    await mustReembed(store, NEW);
    await appendTexts(store, chat, OLD, ['of an old process']);
    expect(await must(store.vectors.reembedStatus())).toMatchObject({ rows: 26, embedded: 25, pending: 1 });
    const refused = { kind: 'reembed-refused', reason: 'rows-pending' };
    expect(await failure(store.vectors.dropPreviousEmbeddings())).toMatchObject(refused);
    // Even where the queue has lost it.
    await database.query('delete from chat_vectors_pending');
    expect(await failure(store.vectors.dropPreviousEmbeddings())).toMatchObject(refused);
    expect(await mustReembed(store, NEW)).toMatchObject({ embedded: 1, pending: 0 });
    await must(store.vectors.dropPreviousEmbeddings());
    await using newStore = storeOf(database, NEW);
    expect(await findText(newStore, chat.userId, NEW, 'of an old process')).toEqual(['of an old process']);
  });
});

describe('store.migrate beside vectors.reembed', () => {
  it('finds nothing to do for either model, and says what a new process has to wait for', async () => {
    await using started = await storeWithTexts({ hnsw: 'build' });
    const { database, store, chat } = started;
    await using newStore = storeOf(database, NEW);
    const nothing = { applied: [], skipped: [], adopted: [] };
    await mustReembed(store, NEW, {
      embed: async (texts, options) => {
        expect(await must(store.migrate())).toEqual(nothing);
        expect((await failure(newStore.migrate())).kind).toBe('dimension-mismatch');
        const early = await failure(
          newStore.vectorSearch.semanticSearch(new Float32Array(16).fill(1), chat.userId),
        );
        expect(early).toMatchObject({ kind: 'dimension-mismatch', expected: 8, actual: 16 });
        expect(early.message).toMatch(/under way/);
        return embedWith(NEW)(texts, options);
      },
    });
    expect(await must(store.migrate())).toEqual(nothing);
    expect(await must(newStore.migrate())).toEqual(nothing);
    expect((await must(store.migrationStatus())).embedding).toMatchObject({ dimensions: 16 });
    await must(newStore.vectors.dropPreviousEmbeddings());
    expect((await failure(store.migrate())).kind).toBe('dimension-mismatch');
    expect(await must(newStore.migrate())).toEqual(nothing);
  });

  it('migrates nothing on the word of an old process', async () => {
    await using started = await storeWithTexts({ hnsw: 'skip' });
    const { database, store } = started;
    await mustReembed(store, NEW);
    // The index that was left out is for the new table now, in its shape.
    expect((await failure(store.migrate({ hnsw: 'build' }))).kind).toBe('dimension-mismatch');
    expect((await failure(store.migrationPlan({ hnsw: 'build' }))).kind).toBe('dimension-mismatch');
    await using newStore = storeOf(database, NEW);
    expect((await must(newStore.migrate({ hnsw: 'build' }))).applied).toHaveLength(1);
  });

  it('names the model to configure to a store of the right shape that has none', async () => {
    await using started = await storeWithTexts();
    const { database, store, chat } = started;
    await mustReembed(store, SAME_SHAPE);
    await must(store.vectors.dropPreviousEmbeddings());
    const query = new Float32Array(8).fill(1);
    const error = await failure(store.vectorSearch.semanticSearch(query, chat.userId));
    expect(error.kind).toBe('dimension-mismatch');
    expect(error.message).toMatch(/"old-model".*"new-model".*embedding\.model/);
    await using newStore = storeOf(database, SAME_SHAPE);
    expect(
      await must(newStore.vectorSearch.semanticSearch(query, chat.userId, { threshold: -1 })),
    ).not.toEqual([]);
  });
});
