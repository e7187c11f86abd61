import { inject } from 'vitest';
import { createMacroStore } from '../../src/create-macro-store.js';
import { aKeyPrefix } from '../contract/cache-kit.js';
import { repositoryContract } from '../contract/repositories.js';
import { must, TINY } from '../support/builders.js';
import { createTestDatabase } from '../support/test-database.js';

repositoryContract('PostgreSQL, entities through the cache', async () => {
  const database = await createTestDatabase({ template: false });
  const store = createMacroStore({
    database: { url: database.url, max: 4 },
    redis: { url: inject('redisUrl'), keyPrefix: aKeyPrefix() },
    cache: { entities: true },
    embedding: TINY,
  });
  await must(store.migrate({ hnsw: 'skip' }));
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database.drop();
    },
  };
});
