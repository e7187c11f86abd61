import type { MacroStore } from '../../src/index.js';

const K = 10;

/** The share of the true nearest rows that a search by codes finds. */
export async function recallOfCodes(
  store: MacroStore,
  userId: string,
  queries: readonly Float32Array[],
): Promise<number> {
  let found = 0;
  let wanted = 0;
  for (const query of queries) {
    const ids = async (strategy: 'codes' | 'exact') => {
      const options = { limit: K, threshold: null, strategy };
      const hits = (await store.vectorSearch.semanticSearch(query, userId, options))._unsafeUnwrap();
      return hits.map(({ id }) => id);
    };
    const truth = new Set(await ids('exact'));
    wanted += truth.size;
    found += (await ids('codes')).filter((id) => truth.has(id)).length;
  }
  return found / wanted;
}
