import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectEmbedded } from '../../../src/database/dedicated-connection.js';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { inspectStatus } from '../../../src/migrations/inspect.js';
import { parseMigration } from '../../../src/migrations/migration.js';
import { run } from '../../support/migration-runs.js';

const ALL = MIGRATIONS.map(({ id }) => id);

// It starts up in a second or two, or ten on a busy machine.
describe('migrate on the embedded database', { timeout: 60_000 }, () => {
  let database: PGlite;
  beforeEach(async () => {
    database = await PGlite.create({ extensions: { vector } });
  });
  afterEach(() => database.close());

  const connect = () => connectEmbedded(database);
  const migrate = (migrations = MIGRATIONS) => run('', { connect, migrations });

  test('applies all, concurrent index builds too, once: for runs that start together and for one that comes later', async () => {
    const together = await Promise.all([migrate(), migrate(), migrate()]);
    expect(together.map((result) => result._unsafeUnwrap().applied)).toEqual([ALL, [], []]);
    expect((await migrate())._unsafeUnwrap().applied).toEqual([]);
    expect((await inspectStatus(connect, MIGRATIONS))._unsafeUnwrap()).toMatchObject({
      pending: [],
      invalidIndexes: [],
      embedding: { dimensions: 64 },
    });
  });

  test('rolls a failed migration back, keeps other statements out of it, and leaves the database usable', async () => {
    const failing = parseMigration(
      '0000_note',
      'create table note (id int);\n--> statement-breakpoint\nselect 1/0;',
    );
    const failed = migrate([failing]);
    const beside = database.query('create table beside (id int)');
    expect((await failed)._unsafeUnwrapErr()).toMatchObject({
      kind: 'migration-failed',
      sqlState: '22012',
      step: 2,
    });
    await beside;
    const { rows } = await database.query(
      "select to_regclass('note') as note, to_regclass('beside') as beside",
    );
    expect(rows).toEqual([{ note: null, beside: 'beside' }]);
    expect((await migrate([]))._unsafeUnwrap().applied).toEqual([]);
  });
});
