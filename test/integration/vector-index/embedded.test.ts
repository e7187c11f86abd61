import { ok } from 'neverthrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { vectorIndexContract } from '../../contract/vector-index.js';
import { failure, must, TINY } from '../../support/builders.js';

let store: MacroStore;
beforeAll(async () => {
  store = createMacroStore({ embedding: TINY });
  await must(store.migrate());
});
afterAll(() => store.close());

vectorIndexContract(() => store);

describe('vectors.index on the embedded database', () => {
  it('migrates with its first use, as any call', async () => {
    await using fresh = createMacroStore({ embedding: TINY });
    expect((await must(fresh.vectors.index.ensure())).built).toEqual(['idx_chat_vectors_embedding_hnsw']);
  });

  it('is refused at once inside a transaction, which has the one connection', async () => {
    const result = await store.transaction(async () => {
      for (const call of [store.vectors.index.status(), store.vectors.index.ensure()] as const) {
        expect((await call)._unsafeUnwrapErr()).toMatchObject({ kind: 'reentrant-call' });
      }
      return ok(1);
    });
    expect(result._unsafeUnwrap()).toBe(1);
  });

  it('is closed with its store', async () => {
    const fresh = createMacroStore({ embedding: TINY });
    await must(fresh.migrate());
    await fresh.close();
    expect(await failure(fresh.vectors.index.ensure())).toMatchObject({ kind: 'closed' });
  });
});
