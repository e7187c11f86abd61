import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createMacroStore } from '../../../src/create-macro-store.js';
import {
  createServerStore,
  createUserWithChat,
  failure,
  must,
  type ServerStore,
} from '../../support/builders.js';
import { readSgdSample } from '../../support/sgd.js';
import { vacuum } from '../../support/vector-table.js';

const EMBEDDING = { dimensions: 512, column: 'vector' } as const;
const { docs, queries } = readSgdSample();

let made: ServerStore;
let userId: string;
beforeAll(async () => {
  made = await createServerStore({ embedding: EMBEDDING });
  const add = async (count: number) => {
    const chat = await createUserWithChat(made.store);
    const vectors = docs
      .slice(0, count)
      .map(({ text, embedding }) => ({ chatId: chat.chatId, content: text, embedding }));
    await must(made.store.vectors.insertMany({ userId: chat.userId, vectors }));
    return chat.userId;
  };
  userId = await add(1_500);
  for (const count of [4, 4, 120, 120, 600]) await add(count);
  await vacuum(made.database);
});
afterAll(() => made[Symbol.asyncDispose]());

describe('vectorSearch.probeRecall', () => {
  it('compares users of every size with the exact answers', async () => {
    // All of the smaller classes and most of the largest: of a few searches, chance may pick those that miss one.
    const report = await must(made.store.vectorSearch.probeRecall({ sample: 1_000, k: 10 }));
    expect(report.k).toBe(10);
    expect(report.classes.map(({ maxRows }) => maxRows)).toEqual([10, 200, 1_000, 4_000, null]);
    expect(report.classes.map(({ searches }) => searches)).toEqual([8, 240, 600, 1_000, 0]);
    for (const { searches, recall, lowest, strategies } of report.classes) {
      expect(Object.values(strategies).reduce((sum, count) => sum + count, 0)).toBe(searches);
      if (searches === 0) expect([recall, lowest]).toEqual([null, null]);
      else expect(recall).toBeGreaterThanOrEqual(0.99);
    }
  });

  it('refuses a sample or k out of range', async () => {
    for (const options of [{ sample: 0 }, { sample: 1_001 }, { k: 0 }, { k: 101 }, { sampled: 3 }]) {
      const error = await failure(made.store.vectorSearch.probeRecall(options));
      expect(error.kind).toBe('invalid-input');
    }
  });

  it('finds nobody in an empty table', async () => {
    await using empty = await createServerStore({ embedding: EMBEDDING });
    const report = await must(empty.store.vectorSearch.probeRecall());
    expect(report.classes.every(({ searches }) => searches === 0)).toBe(true);
  });
});

describe('search.recallSampleRate', () => {
  it('compares live searches in the background, tells what it found, and raises the effort', async () => {
    const logger = { info: vi.fn(), warn: vi.fn() };
    await using store = createMacroStore({
      database: { url: made.database.url, max: 2 },
      embedding: EMBEDDING,
      search: { recallSampleRate: 1, recallTarget: 1 },
      logger,
    });
    // Ten candidates for ten hits miss some: that is what the sampler is to see.
    const search = (index: number) =>
      must(
        store.vectorSearch.search(queries[index % queries.length]?.embedding ?? new Float32Array(), userId, {
          threshold: null,
          strategy: 'codes',
          candidates: 10,
        }),
      );
    for (let index = 0; store.vectorSearch.stats().recall.codes.samples < 50; index += 1) await search(index);
    const { codes, hnsw } = store.vectorSearch.stats().recall;
    expect(codes.recall).toBeLessThan(1);
    expect(codes.effort).toBe(1.5);
    expect(hnsw).toEqual({ samples: 0, recall: null, effort: 1 });
    expect(logger.info).toHaveBeenCalledWith(
      'search.recall-sampled',
      expect.objectContaining({ strategy: 'codes', scopeRows: 1_500 }),
    );
    expect(logger.warn).not.toHaveBeenCalled();

    const query = queries[0]?.embedding ?? new Float32Array();
    const raised = await must(store.vectorSearch.search(query, userId, { threshold: null }));
    expect(raised.candidates).toBe(90);
  });

  it('is off unless asked for', async () => {
    const query = queries[0]?.embedding ?? new Float32Array();
    const before = made.store.vectorSearch.stats();
    await must(made.store.vectorSearch.search(query, userId, { threshold: null }));
    const { searches, recall } = made.store.vectorSearch.stats();
    expect(recall.codes.samples).toBe(0);
    expect(searches.codes).toBe(before.searches.codes + 1);
  });
});
