import { describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { migrate } from '../../../src/migrations/index.js';
import { createPlainRole } from '../../support/plain-role.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

const extensions = (database: TestDatabase) =>
  database.query("select 1 from pg_extension where extname = 'vector'");

describe('migrate as a role that is no superuser', () => {
  test('works for the owner of the database where the extension is there', async () => {
    await using role = await createPlainRole();
    await using database = await createTestDatabase({ template: false });
    await database.query(`alter database ${database.name} owner to ${role.name}`);
    await database.query('create extension vector');
    expect((await migrate({ url: role.urlOf(database) }))._unsafeUnwrap().applied).toHaveLength(
      MIGRATIONS.length,
    );
  });

  test('lets the owner create the extension where it is trusted, and says so where it is not', async () => {
    await using role = await createPlainRole();
    await using database = await createTestDatabase({ template: false });
    await database.query(`alter database ${database.name} owner to ${role.name}`);
    const [version] = await database.query<{ trusted: boolean }>(
      `select v.trusted from pg_available_extension_versions v join pg_available_extensions e
         on v.name = e.name and v.version = e.default_version where v.name = 'vector'`,
    );
    const result = await migrate({ url: role.urlOf(database) });
    const outcome = result.match(
      () => 'created',
      (error) => (error.kind === 'extension-missing' ? error.reason : error.kind),
    );
    expect(outcome).toBe(version?.trusted ? 'created' : 'not-permitted');
  });

  test('says not-permitted to a role that may create tables only, and goes on once the extension is there', async () => {
    await using role = await createPlainRole();
    await using database = await createTestDatabase({ template: false });
    await database.query(`grant create on schema public to ${role.name}`);
    const refused = await migrate({ url: role.urlOf(database) });
    expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'extension-missing', reason: 'not-permitted' });
    expect(await extensions(database)).toEqual([]);

    await database.query('create extension vector');
    expect((await migrate({ url: role.urlOf(database) }))._unsafeUnwrap().applied).toHaveLength(
      MIGRATIONS.length,
    );
  });

  test('says permission-denied to a role that may not create tables', async () => {
    await using role = await createPlainRole();
    await using database = await createTestDatabase({ template: false });
    await database.query('revoke create on schema public from public');
    const refused = await migrate({ url: role.urlOf(database) });
    expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'permission-denied', sqlState: '42501' });
  });
});

describe('migrate with the extension in another schema', () => {
  test('works when that schema is on the search path, and says so when it is not', async () => {
    await using database = await createTestDatabase({ template: false });
    await database.query('create schema extensions');
    await database.query('create extension vector schema extensions');
    const hidden = await migrate({ url: database.url });
    expect(hidden._unsafeUnwrapErr()).toMatchObject({
      kind: 'extension-missing',
      reason: 'not-on-search-path',
    });

    await database.query(`alter database ${database.name} set search_path = public, extensions`);
    expect((await migrate({ url: database.url })).isOk()).toBe(true);
    // The type is printed with its schema to those who do not see it; the shape is read all the same.
    const otherShape = await migrate({ url: database.url, embedding: { dimensions: 3 } });
    expect(otherShape._unsafeUnwrapErr()).toMatchObject({
      kind: 'dimension-mismatch',
      expected: 1536,
      actual: 3,
    });
  });
});
