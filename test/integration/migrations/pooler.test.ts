import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { migrate } from '../../../src/migrations/index.js';
import { dumpAll } from '../../support/catalog-dump.js';
import { type PgBouncerOptions, startPgBouncer } from '../../support/pgbouncer.js';
import { createTestDatabase } from '../../support/test-database.js';

interface Through extends Omit<PgBouncerOptions, 'postgresUrl'> {
  /** So many are open in the pooler when the run begins. */
  backends?: number;
}

async function migrateThrough(postgresUrl: string, { backends = 0, ...options }: Through) {
  const bouncer = await startPgBouncer({ postgresUrl, ...options });
  try {
    await openBackends(bouncer.url, backends);
    return await migrate({ url: bouncer.url, embedding: { dimensions: 64 } });
  } finally {
    await bouncer.stop();
  }
}

async function openBackends(connectionString: string, count: number): Promise<void> {
  const clients = Array.from({ length: count }, () => new pg.Client({ connectionString }));
  await Promise.all(clients.map((client) => client.connect()));
  await Promise.all(clients.map((client) => client.query('begin')));
  await Promise.all(clients.map((client) => client.query('commit')));
  await Promise.all(clients.map((client) => client.end()));
}

describe('migrate through PgBouncer', () => {
  test.each([
    ['transaction mode', { poolMode: 'transaction' }],
    ['transaction mode with one backend', { poolMode: 'transaction', settings: { default_pool_size: '1' } }],
    ['transaction mode with several backends', { poolMode: 'transaction', backends: 4 }],
    [
      'transaction mode with two backends in turn',
      { poolMode: 'transaction', backends: 2, settings: { server_round_robin: '1' } },
    ],
    [
      'transaction mode with three backends in turn',
      { poolMode: 'transaction', backends: 3, settings: { server_round_robin: '1' } },
    ],
    ['statement mode', { poolMode: 'statement' }],
  ] as const)('in %s is refused, and changes nothing', async (_name, options) => {
    const database = await createTestDatabase({ template: false });
    onTestFinished(() => database.drop());
    const before = await dumpAll(database);
    const refused = await migrateThrough(database.url, options);
    expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'pooler-refused', retryable: false });
    expect(await dumpAll(database)).toEqual(before);
  });

  test.each([
    ['many backends', {}],
    ['one backend', { default_pool_size: '1' }],
  ])('in session mode with %s works', async (_name, settings) => {
    const database = await createTestDatabase({ template: false });
    onTestFinished(() => database.drop());
    const result = await migrateThrough(database.url, { poolMode: 'session', settings });
    expect(result._unsafeUnwrap().applied).toHaveLength(MIGRATIONS.length);
  });
});
