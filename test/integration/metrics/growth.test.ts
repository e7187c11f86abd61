import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { bindStatement } from '../../../src/database/statement.js';
import { recordSnapshot, selectDays } from '../../../src/metrics/growth/growth-statements.js';
import type { OperationMessage } from '../../../src/metrics/operation-channels.js';
import { failure, must, TINY } from '../../support/builders.js';
import { queryOnce } from '../../support/database-admin.js';
import { buffersOf, explain } from '../../support/explain.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

const TABLE = 'macro_store_growth_snapshots';

interface Setup extends AsyncDisposable {
  readonly store: MacroStore;
  readonly database: TestDatabase;
}

async function setUp(settings = ''): Promise<Setup> {
  const database = await createTestDatabase();
  if (settings !== '') await database.query(`alter database ${database.name} ${settings}`);
  const store = createMacroStore({ database: { url: database.url }, embedding: TINY });
  return {
    store,
    database,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database.drop();
    },
  };
}

async function connect(database: TestDatabase) {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** Two calls of a test are to fall into one hour. */
async function awayFromTheHour(): Promise<void> {
  const leftMs = 3_600_000 - (Date.now() % 3_600_000);
  if (leftMs < 20_000) await sleep(leftMs + 50);
}

const recordingWaits = (database: TestDatabase) =>
  until('a recording waits for a lock', async () => {
    const waiting = await database.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
        and query like '%insert into ${TABLE}%'`,
    );
    return waiting.length > 0;
  });

const snapshotsOf = (database: TestDatabase) =>
  database.query<{ hoursAgo: number }>(
    `select (extract(epoch from date_trunc('hour', now(), 'UTC') - hour) / 3600)::float8 as "hoursAgo"
      from ${TABLE} order by hour desc`,
  );

/** Snapshots so many hours old, of a database of which `bytes` tells the size by the hours. */
const insertSnapshots = (database: TestDatabase, hoursAgo: readonly number[], bytes = '1000000') =>
  database.query(
    `insert into ${TABLE} (hour, taken_at, database_bytes, tables)
      select date_trunc('hour', now(), 'UTC') - ago * interval '1 hour',
        date_trunc('hour', now(), 'UTC') - ago * interval '1 hour', (${bytes}),
        jsonb_build_array(jsonb_build_object(
          'name', 'users', 'tableBytes', (${bytes}) / 2, 'indexBytes', (${bytes}) / 4, 'rows', 1))
      from unnest($1::int[]) ago on conflict do nothing`,
    [hoursAgo],
  );

const hours = (count: number, every = 1) => Array.from({ length: count }, (_, index) => index * every);

describe('metrics.recordGrowth', () => {
  it('writes down what the server says of the database and of each table', async () => {
    await using setup = await setUp();
    const { store, database } = setup;
    await database.query(
      'create table notes as select n, repeat($$x$$, 500) from generate_series(1, 2000) n',
    );
    await database.query('create index on notes (n)');
    await database.query('analyze notes');
    const { isNew, databaseBytes, tables, takenAt } = await must(store.metrics.recordGrowth());
    const [truth] = await database.query(
      `select pg_table_size('notes')::int as "tableBytes", pg_indexes_size('notes')::int as "indexBytes"`,
    );
    expect(isNew).toBe(true);
    expect(takenAt).toBeInstanceOf(Date);
    expect(databaseBytes).toBeGreaterThan(5e6);
    expect(tables.find(({ name }) => name === 'notes')).toEqual({ name: 'notes', rows: 2_000, ...truth });
    expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(['chat_vectors', 'users', TABLE]));
  });

  it('leaves the first one of the hour as it is, and gives it to all who ask', async () => {
    await awayFromTheHour();
    await using setup = await setUp();
    const { store, database } = setup;
    const first = await must(store.metrics.recordGrowth());
    await database.query('create table more as select generate_series(1, 10000)');
    expect(await must(store.metrics.recordGrowth())).toEqual({ ...first, isNew: false });
  });

  it('is stored once by many processes that ask at once', async () => {
    await awayFromTheHour();
    await using setup = await setUp();
    const { store, database } = setup;
    await using other = createMacroStore({ database: { url: database.url }, embedding: TINY });
    const all = await Promise.all(
      hours(40).map((index) => must((index % 2 === 0 ? store : other).metrics.recordGrowth())),
    );
    expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(new Set(all.map(({ isNew: _, ...snapshot }) => JSON.stringify(snapshot))).size).toBe(1);
    expect(await snapshotsOf(database)).toHaveLength(1);
  });

  it.each([
    ['commit', false],
    ['rollback', true],
  ])('waits for one that is storing now, and after its %s finds isNew %s', async (end, isNew) => {
    await awayFromTheHour();
    await using setup = await setUp();
    const { store, database } = setup;
    await using other = await connect(database);
    await other.query('begin');
    const { text, values } = bindStatement(recordSnapshot, { keepDays: 400 });
    const { rows } = await other.query(text, [...values]);
    expect(rows).toEqual([expect.objectContaining({ isNew: true })]);
    const waiting = must(store.metrics.recordGrowth());
    await recordingWaits(database);
    await other.query(end);
    const snapshot = await waiting;
    expect(snapshot.isNew).toBe(isNew);
    expect(snapshot.takenAt.getTime() === rows[0].takenAt.getTime()).toBe(!isNew);
    expect(await snapshotsOf(database)).toEqual([{ hoursAgo: 0 }]);
  });

  it('leaves out a table that is dropped while it reads', async () => {
    await using setup = await setUp();
    const { store, database } = setup;
    await database.query('create table passing (n int)');
    await using other = await connect(database);
    await other.query('begin');
    await other.query('drop table passing');
    const waiting = must(store.metrics.recordGrowth());
    await recordingWaits(database);
    await other.query('commit');
    const { tables } = await waiting;
    expect(tables.map(({ name }) => name)).not.toContain('passing');
    expect(tables.every(({ tableBytes, indexBytes }) => tableBytes >= 0 && indexBytes >= 0)).toBe(true);
  });

  it.each(['UTC', 'America/New_York', 'Asia/Kathmandu'])(
    'keeps every hour of 14 days, then the first of each day of UTC, until keepDays: in %s',
    async (zone) => {
      await awayFromTheHour();
      await using setup = await setUp(`set timezone = '${zone}'`);
      const { store, database } = setup;
      const keepDays = 200;
      // Of every hour of 20 days, of every third one of 50, and of three days around the end, of which one hour more or
      // less decides: the clocks of most zones were changed since.
      await insertSnapshots(database, [
        ...hours(20 * 24),
        ...hours(400, 3).map((ago) => ago + 20 * 24),
        ...[-1, 0, 1].map((day) => (keepDays + day) * 24),
      ]);
      const before = await snapshotsOf(database);
      await must(store.metrics.recordGrowth({ keepDays }));

      const hourOfDay = new Date().getUTCHours();
      const dayOf = (hoursAgo: number) => Math.floor((hourOfDay - hoursAgo) / 24);
      // What is full hours old is as old as that and some minutes.
      const kept = before.filter(({ hoursAgo }, index) => {
        if (hoursAgo >= keepDays * 24) return false;
        if (hoursAgo < 14 * 24) return true;
        const earlier = before[index + 1];
        return earlier === undefined || dayOf(earlier.hoursAgo) !== dayOf(hoursAgo);
      });
      const after = await snapshotsOf(database);
      expect(after).toEqual(kept);
      expect(after.filter(({ hoursAgo }) => hoursAgo < 14 * 24)).toHaveLength(14 * 24);
      expect(after.length).toBeLessThan(before.length);
    },
  );

  it('refuses to keep less than a week', async () => {
    await using store = createMacroStore({ embedding: TINY });
    for (const keepDays of [6, 3_651, 7.5, Number.NaN]) {
      expect(await failure(store.metrics.recordGrowth({ keepDays }))).toMatchObject({
        kind: 'invalid-input',
        issues: [expect.objectContaining({ path: 'keepDays' })],
      });
    }
  });

  it('ends by its signal, and stores nothing', async () => {
    await using setup = await setUp();
    const { store, database } = setup;
    await using other = await connect(database);
    await other.query('begin');
    await other.query(`lock table ${TABLE}`);
    const controller = new AbortController();
    const call = failure(store.metrics.recordGrowth({ signal: controller.signal }));
    await recordingWaits(database);
    controller.abort();
    expect(await call).toMatchObject({ kind: 'aborted' });
    await other.query('commit');
    expect(await snapshotsOf(database)).toEqual([]);
    expect(await failure(store.metrics.forecastGrowth({ signal: controller.signal }))).toMatchObject({
      kind: 'aborted',
    });
  });

  it('is refused to a role without rights, and the collection says which it lacks', async () => {
    const role = `macro_store_test_${randomUUID().slice(0, 8)}`;
    await queryOnce(inject('postgresUrl'), `create role ${role} login password 'secret' nosuperuser`);
    {
      await using setup = await setUp();
      const url = new URL(setup.database.url);
      url.username = role;
      url.password = 'secret';
      await using store = createMacroStore({ database: { url: url.href }, embedding: TINY });
      expect(await failure(store.metrics.recordGrowth())).toMatchObject({ kind: 'permission-denied' });
      expect(await failure(store.metrics.forecastGrowth())).toMatchObject({ kind: 'permission-denied' });
      expect((await must(store.metrics.collectMetrics())).growth).toEqual({
        available: false,
        reason: 'no-privilege',
        advice: expect.stringContaining('rights on all tables'),
      });
    }
    await queryOnce(inject('postgresUrl'), `drop role ${role}`);
  });

  it('says that the database is not migrated, also where only its table is missing', async () => {
    await using setup = await setUp();
    await setup.database.query(`drop table ${TABLE}`);
    await using empty = await createTestDatabase({ template: false });
    await using unmigrated = createMacroStore({ database: { url: empty.url }, embedding: TINY });
    for (const store of [setup.store, unmigrated]) {
      expect(await failure(store.metrics.recordGrowth())).toMatchObject({ kind: 'not-migrated' });
      expect((await must(store.metrics.collectMetrics())).growth).toMatchObject({
        available: false,
        reason: 'not-migrated',
      });
    }
  });
});

describe('metrics.forecastGrowth', () => {
  it('tells by how much the database grew each day, in one round trip', async () => {
    await using setup = await setUp();
    const { store, database } = setup;
    // 1,000 bytes an hour, and 50 MB of an import ten days ago.
    const bytes = '100000000 - ago * 1000 + case when ago <= 240 then 50000000 else 0 end';
    await insertSnapshots(database, hours(30 * 24), bytes);
    const operations: string[] = [];
    const note = (message: unknown) => void operations.push((message as OperationMessage).operation);
    subscribe('macro-ai-store:operation:end', note);
    const found = await must(store.metrics.forecastGrowth({ limitBytes: 160e6 }));
    unsubscribe('macro-ai-store:operation:end', note);
    expect(operations).toEqual(['metrics.forecastGrowth']);
    if (!found.available) throw new Error(found.reason);
    expect(found).toMatchObject({ days: 30, basis: { snapshots: 30 } });
    expect(found.basis.until.getTime() - found.basis.from.getTime()).toBe(29 * 86_400_000);
    expect(found.database).toMatchObject({ bytes: 150e6, bytesPerDay: 24_000, expectedBytes: 150_720_000 });
    expect(found.database.highestBytes).toBeGreaterThan(200e6);
    expect(found.tables).toEqual([
      expect.objectContaining({ name: 'users', bytes: 112_500_000, bytesPerDay: 18_000 }),
    ]);
    const inDays = (at: Date | null | undefined) =>
      ((at?.getTime() ?? 0) - found.basis.until.getTime()) / 86_400_000;
    expect(inDays(found.limit?.expectedAt)).toBe(Math.ceil(10e6 / 24_000));
    expect(inDays(found.limit?.earliestAt)).toBeLessThan(10);
    expect((await must(store.metrics.collectMetrics())).growth).toEqual(
      await must(store.metrics.forecastGrowth()),
    );
  });

  it('goes back as far as basisDays', async () => {
    await using setup = await setUp();
    const { store, database } = setup;
    await insertSnapshots(database, hours(60, 24), '100000000 - least(ago, 240) * 1000');
    const perDay = async (basisDays: number) => {
      const found = await must(store.metrics.forecastGrowth({ basisDays }));
      return found.available ? [found.basis.snapshots, found.database.bytesPerDay] : found.reason;
    };
    expect(await perDay(10)).toEqual([10, 24_000]);
    expect(await perDay(60)).toEqual([60, 0]);
  });

  it('takes three days of snapshots', async () => {
    await using setup = await setUp();
    const { store, database } = setup;
    const reasonWith = async (hoursAgo: readonly number[]) => {
      await insertSnapshots(database, hoursAgo);
      const found = await must(store.metrics.forecastGrowth());
      return found.available ? null : [found.reason, found.advice];
    };
    expect(await reasonWith([])).toEqual(['too-few-snapshots', expect.stringContaining('(there are 0)')]);
    expect(await reasonWith(hours(24))).toEqual(['too-few-snapshots', expect.stringContaining('are 1)')]);
    expect(await reasonWith([30])).toEqual(['too-few-snapshots', expect.stringContaining('are 2)')]);
    expect(await reasonWith([60])).toBeNull();
  });

  it('reads a full table once at most, which stays small', async () => {
    await using setup = await setUp();
    const { database } = setup;
    // Of 400 days, each with the sizes of 12 tables.
    await insertSnapshots(database, [...hours(14 * 24), ...hours(386, 24).map((ago) => ago + 14 * 24)]);
    await database.query(
      `update ${TABLE} set tables = (select jsonb_agg(tables -> 0 || jsonb_build_object('name', 'table_' || n))
        from generate_series(1, 12) n)`,
    );
    await database.query(`vacuum full analyze ${TABLE}`);
    const [size] = await database.query<{ pages: number }>(
      `select (pg_table_size('${TABLE}') / 8192)::int as pages`,
    );
    await using client = await connect(database);
    const plan = await explain(client, bindStatement(selectDays, { basisDays: 90 }));
    expect(size?.pages).toBeLessThan(150);
    expect(buffersOf(plan)).toBeLessThanOrEqual(size?.pages ?? 0);
    expect(plan['Actual Rows']).toBe(90);
  });

  it.each([
    { days: 0 },
    { days: 3_651 },
    { days: 1.5 },
    { basisDays: 2 },
    { basisDays: 401 },
    { limitBytes: 0 },
    { limitBytes: -1 },
    { limitBytes: Number.NaN },
    { limitBytes: Number.POSITIVE_INFINITY },
  ])('refuses %o by the name of the field', async (options) => {
    await using store = createMacroStore({ embedding: TINY });
    const [path] = Object.keys(options);
    expect(await failure(store.metrics.forecastGrowth(options))).toMatchObject({
      kind: 'invalid-input',
      issues: [expect.objectContaining({ path })],
    });
  });

  it('works embedded', async () => {
    await awayFromTheHour();
    await using store = createMacroStore({ embedding: TINY });
    const first = await must(store.metrics.recordGrowth());
    expect(first).toMatchObject({ isNew: true, databaseBytes: expect.any(Number) });
    expect(first.tables.map(({ name }) => name)).toContain('chat_vectors');
    expect(await must(store.metrics.recordGrowth())).toEqual({ ...first, isNew: false });
    expect(await must(store.metrics.forecastGrowth())).toMatchObject({ reason: 'too-few-snapshots' });
    await store.db.execute(
      sql`insert into macro_store_growth_snapshots select hour - n * interval '1 day',
        taken_at - n * interval '1 day', database_bytes - n * 1000, tables
        from macro_store_growth_snapshots, generate_series(1, 5) n`,
    );
    expect(await must(store.metrics.forecastGrowth())).toMatchObject({
      available: true,
      basis: { snapshots: 6 },
      database: { bytes: first.databaseBytes, bytesPerDay: 1_000 },
    });
  });
});
