import { describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { BUNDLED_SQL } from '../../../src/migrations/bundled-sql.js';
import { planMigrations } from '../../../src/migrations/inspect.js';
import { parseMigration } from '../../../src/migrations/migration.js';
import { dumpAll } from '../../support/catalog-dump.js';
import { connectTo, mustRun, type RunInput, run, SMALL } from '../../support/migration-runs.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

const emptyDatabase = () => createTestDatabase({ template: false });
const table = (id: string, head = '') => parseMigration(id, `${head}create table "t${id}" (id int);`);
const [first, second, third] = [table('0000_first'), table('0001_second'), table('0002_third')];

/** The run's and the plan's refusal, after showing that both left the database as it was. */
async function refusal(database: TestDatabase, input: RunInput) {
  const before = await dumpAll(database);
  const { migrations = MIGRATIONS, embedding = SMALL } = input;
  const planned = await planMigrations(connectTo(database.url), migrations, embedding, input);
  const error = (await run(database.url, input))._unsafeUnwrapErr();
  expect(planned._unsafeUnwrapErr().kind).toBe(error.kind);
  expect(await dumpAll(database)).toEqual(before);
  return error;
}

describe('migrate refuses, and runs nothing,', () => {
  test('when one byte of an applied migration is another', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url);
    const edited = BUNDLED_SQL.map(([id, text]) =>
      parseMigration(id, id === '0001_tables' ? text.replace('varchar(50)', 'varchar(51)') : text),
    );
    expect(await refusal(database, { migrations: [...edited, table('9000_new')] })).toMatchObject({
      kind: 'migration-edited',
      migrationIds: ['0001_tables'],
    });
  });

  test('when an applied migration is not shipped', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url, { migrations: [first, second, third] });
    expect(await refusal(database, { migrations: [first, third] })).toMatchObject({
      kind: 'migration-missing',
      migrationIds: ['0001_second'],
    });
  });

  test('when a migration comes before one that is applied', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url, { migrations: [first, third] });
    expect(await refusal(database, { migrations: [first, second, third] })).toMatchObject({
      kind: 'migration-out-of-order',
      migrationIds: ['0001_second'],
    });
  });

  test('when a newer release has migrated', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url, { migrations: [first, second] });
    expect(await refusal(database, { migrations: [first] })).toMatchObject({
      kind: 'migration-unknown-newer',
      migrationIds: ['0001_second'],
    });
  });

  test('when a newer release has migrated and one of its steps is breaking', async () => {
    await using database = await emptyDatabase();
    const breaking = table('0002_breaking', '-- breaking: true\n');
    await mustRun(database.url, { migrations: [first, second, breaking] });
    expect(await refusal(database, { migrations: [first], onNewer: 'allow-compatible' })).toMatchObject({
      kind: 'migration-unknown-newer',
      migrationIds: ['0002_breaking'],
    });
  });

  test('when tables of its names exist and nothing tells who made them', async () => {
    await using database = await emptyDatabase();
    await database.query('create table users (id int)');
    await database.query('create table chat_vectors (embedding int)');
    expect(await refusal(database, {})).toMatchObject({
      kind: 'migration-unmanaged-tables',
      tables: ['users', 'chat_vectors'],
    });
  });

  test('when the search path leads to no schema', async () => {
    await using database = await emptyDatabase();
    await database.query(`alter database ${database.name} set search_path = nowhere`);
    const refused = await run(database.url, { lockWaitMs: 1_000 });
    expect(refused._unsafeUnwrapErr()).toMatchObject({
      kind: 'invalid-input',
      issues: [{ path: 'search_path' }],
    });
  });

  test('when the database is read-only', async () => {
    await using database = await emptyDatabase();
    await database.query(`alter database ${database.name} set default_transaction_read_only = on`);
    expect((await run(database.url))._unsafeUnwrapErr().kind).toBe('read-only');
  });
});

describe('migrate with onNewer: allow-compatible', () => {
  test('accepts what a newer release has migrated, and applies nothing', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url, { migrations: [first, second] });
    const accepted = await run(database.url, { migrations: [first], onNewer: 'allow-compatible' });
    expect(accepted._unsafeUnwrap()).toEqual({ applied: [], adopted: [], skipped: [] });
  });
});
