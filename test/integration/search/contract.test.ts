import { afterAll, beforeAll, describe } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { searchAnswersContract } from '../../contract/search-answers.js';
import { searchRankingContract } from '../../contract/search-ranking.js';
import { createServerStore, must } from '../../support/builders.js';
import { CODED } from '../../support/search-data.js';

interface Made extends AsyncDisposable {
  readonly store: MacroStore;
}

const DATABASES: Readonly<Record<string, () => Promise<Made>>> = {
  PostgreSQL: () => createServerStore({ embedding: CODED, hnsw: 'build' }),
  PGlite: async () => {
    const store = createMacroStore({ embedding: CODED });
    await must(store.migrate({ hnsw: 'build' }));
    return { store, [Symbol.asyncDispose]: () => store.close() };
  },
};

describe.each(Object.entries(DATABASES))('search on %s', (_name, make) => {
  let made: Made;
  beforeAll(async () => {
    made = await make();
  });
  afterAll(() => made[Symbol.asyncDispose]());

  const store = () => made.store;
  searchRankingContract(store);
  searchAnswersContract(store);
});
