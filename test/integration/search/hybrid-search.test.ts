import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hybridSearchContract } from '../../contract/hybrid-search.js';
import {
  createServerStore,
  createUserWithChat,
  must,
  type ServerStore,
  TINY,
} from '../../support/builders.js';
import { readSgdSample } from '../../support/sgd.js';
import { readLabelledQueries } from '../../support/sgd-labelled.js';

let made: ServerStore;
let tiny: ServerStore;
beforeAll(async () => {
  [made, tiny] = await Promise.all([
    createServerStore({ embedding: { dimensions: 512, column: 'vector' } }),
    createServerStore({ embedding: TINY }),
  ]);
});
afterAll(() => Promise.all([made[Symbol.asyncDispose](), tiny[Symbol.asyncDispose]()]));

hybridSearchContract(() => tiny.store);

describe('hybridSearch over real chat turns', () => {
  it('has the right turn among its ten best as often as the better of its halves, or oftener', async () => {
    const { store } = made;
    const { userId, chatId } = await createUserWithChat(store);
    const { docs } = readSgdSample();
    const ids: string[] = [];
    for (let start = 0; start < docs.length; start += 600) {
      const vectors = docs
        .slice(start, start + 600)
        .map(({ text, embedding }) => ({ chatId, content: text, embedding }));
      ids.push(...(await must(store.vectors.insertMany({ userId, vectors }))));
    }
    const place = new Map(ids.map((id, index) => [id, index]));

    const found = { vector: 0, text: 0, hybrid: 0, exactWords: { vector: 0, text: 0, hybrid: 0 } };
    for (const { kind, text, embedding, right } of readLabelledQueries()) {
      const isRight = ({ id }: { id: string }) => right.includes(place.get(id) ?? -1);
      const search = (weights: { vector?: number; text?: number }) =>
        must(store.vectorSearch.hybridSearch({ text, embedding }, userId, { weights }));
      const hits = {
        vector: (await search({ text: 0 })).filter(({ vectorRank }) => vectorRank !== null),
        text: (await search({ vector: 0 })).filter(({ textRank }) => textRank !== null),
        hybrid: await search({}),
      };
      for (const way of ['vector', 'text', 'hybrid'] as const) {
        const isFound = Number(hits[way].some(isRight));
        found[way] += isFound;
        if (kind !== 'meaning') found.exactWords[way] += isFound;
      }
    }
    expect(found.exactWords.hybrid).toBeGreaterThanOrEqual(
      Math.max(found.exactWords.vector, found.exactWords.text),
    );
    expect(found.hybrid).toBeGreaterThan(Math.max(found.vector, found.text));
    expect(found.vector).toBeGreaterThan(30);
  });
});
