import { Redis } from 'ioredis';
import { afterAll, beforeAll, inject } from 'vitest';
import { sessionStoreContract } from '../../contract/session-store.js';
import {
  durablePlace,
  postgresPlace,
  redisPlace,
  type SessionRows,
  sessionRows,
} from '../../contract/sessions-kit.js';
import { createTestDatabase } from '../../support/test-database.js';

let raw: Redis;
let rows: SessionRows;
beforeAll(async () => {
  raw = new Redis(inject('redisUrl'));
  rows = await sessionRows(await createTestDatabase());
});
afterAll(async () => {
  raw.disconnect();
  await rows.close();
});

sessionStoreContract('sessions in Redis', async () => redisPlace(raw, { url: inject('redisUrl') }));

sessionStoreContract('sessions in PostgreSQL', async () => postgresPlace(rows));

sessionStoreContract('sessions in PostgreSQL and Redis', async () =>
  durablePlace(raw, { url: inject('redisUrl') }, rows),
);
