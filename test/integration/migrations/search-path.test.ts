import { randomUUID } from 'node:crypto';
import { describe, expect, inject, test } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { migrate, status } from '../../../src/migrations/index.js';
import { dumpCatalog } from '../../support/catalog-dump.js';
import { queryOnce } from '../../support/database-admin.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

/** A role whose tables go to a schema of its own name, with `public` in sight. */
async function createTenant(database: TestDatabase) {
  const name = `macro_store_test_${randomUUID().slice(0, 8)}`;
  await database.query(`create role ${name} superuser login password 'secret'`);
  await database.query(`alter role ${name} set search_path = ${name}, public`);
  await database.query(`create schema ${name}`);
  const url = new URL(database.url);
  url.username = name;
  url.password = 'secret';
  return {
    schema: name,
    url: url.href,
    async [Symbol.asyncDispose]() {
      await database.drop();
      await queryOnce(inject('postgresUrl'), `drop role ${name}`);
    },
  };
}

/** A schema's catalog with the schema's own name taken out, so that two of them compare. */
async function dumpSchema(database: TestDatabase, schema: string) {
  const text = JSON.stringify(await dumpCatalog(database, schema)).replaceAll(`${schema}.`, '');
  return JSON.parse(text) as Record<string, string>;
}

describe('migrate with a schema of its own in front of the search path', () => {
  test('gives each of several schemas its own tables, indexes and ledger, also at once', async () => {
    await using database = await createTestDatabase({ template: false });
    await using one = await createTenant(database);
    await using other = await createTenant(database);
    const results = await Promise.all([
      migrate({ url: one.url }),
      migrate({ url: other.url }),
      migrate({ url: database.url, hnsw: 'skip' }),
    ]);
    expect(results.map((result) => result._unsafeUnwrap().applied.length)).toEqual([
      MIGRATIONS.length,
      MIGRATIONS.length,
      MIGRATIONS.length - 1,
    ]);
    expect(await dumpSchema(database, one.schema)).toEqual(await dumpSchema(database, other.schema));
    const tables = await database.query<{ schema: string; count: number }>(
      `select relnamespace::regnamespace::text as schema, count(*)::int from pg_class
       where relkind = 'r' and relname in ('users', 'chats', 'chat_messages', 'chat_vectors', 'macro_store_migrations')
       group by 1`,
    );
    expect(tables.map(({ count }) => count)).toEqual([5, 5, 5]);
  });

  test('is not misled by the tables, indexes, ledger or shape of a store further down the path', async () => {
    await using database = await createTestDatabase({ template: false });
    (await migrate({ url: database.url, embedding: { dimensions: 384 } }))._unsafeUnwrap();
    await using tenant = await createTenant(database);
    const target = { url: tenant.url, embedding: { dimensions: 512 } };
    expect((await status(target))._unsafeUnwrap()).toMatchObject({ applied: [], embedding: null });
    expect((await migrate(target))._unsafeUnwrap().applied).toHaveLength(MIGRATIONS.length);
    expect((await status(target))._unsafeUnwrap()).toMatchObject({
      pending: [],
      embedding: { dimensions: 512 },
    });
    expect((await status({ url: database.url }))._unsafeUnwrap()).toMatchObject({
      embedding: { dimensions: 384 },
    });
  });

  test('does not take over the journal that drizzle keeps for the tables of another schema', async () => {
    await using database = await createTestDatabase({ template: false });
    (await migrate({ url: database.url }))._unsafeUnwrap();
    await database.query('create schema drizzle');
    await database.query(
      'create table drizzle.__drizzle_migrations as select checksum as hash from macro_store_migrations',
    );
    await using tenant = await createTenant(database);
    expect((await migrate({ url: tenant.url }))._unsafeUnwrap()).toMatchObject({ adopted: [] });
    expect((await status({ url: tenant.url }))._unsafeUnwrap().embedding).toMatchObject({ dimensions: 1536 });
  });

  test('leaves the extension in public, where dropping one schema does not take it from the others', async () => {
    await using database = await createTestDatabase({ template: false });
    await using tenant = await createTenant(database);
    (await migrate({ url: tenant.url }))._unsafeUnwrap();
    expect(
      await database.query(
        "select extnamespace::regnamespace::text as schema from pg_extension where extname = 'vector'",
      ),
    ).toEqual([{ schema: 'public' }]);
  });
});
