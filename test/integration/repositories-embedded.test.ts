import { createMacroStore } from '../../src/create-macro-store.js';
import { repositoryContract } from '../contract/repositories.js';
import { must, TINY } from '../support/builders.js';

repositoryContract('PGlite', async () => {
  const store = createMacroStore({ embedding: TINY });
  await must(store.migrate());
  return { store, [Symbol.asyncDispose]: () => store.close() };
});
