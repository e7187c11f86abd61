import { afterAll, beforeAll } from 'vitest';
import { vectorIndexContract } from '../../contract/vector-index.js';
import { createServerStore, type ServerStore } from '../../support/builders.js';

let made: ServerStore;
beforeAll(async () => {
  made = await createServerStore();
});
afterAll(() => made[Symbol.asyncDispose]());

vectorIndexContract(() => made.store);
