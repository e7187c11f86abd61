import { describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { migrate, plan, status } from '../../../src/migrations/index.js';
import { parseMigration } from '../../../src/migrations/migration.js';
import { dumpAll, dumpLedger } from '../../support/catalog-dump.js';
import {
  collectEvents,
  HNSW_INDEX,
  isIndexValid,
  mustRun,
  run,
  SMALL,
} from '../../support/migration-runs.js';
import { createTestDatabase } from '../../support/test-database.js';

const ALL = MIGRATIONS.map(({ id }) => id);
const HNSW = ALL.filter((id) => id.includes('hnsw'));
const emptyDatabase = () => createTestDatabase({ template: false });

describe('migrate', () => {
  test('applies every migration once to an empty database, and nothing the second time', async () => {
    await using database = await emptyDatabase();
    const first = await migrate({ url: database.url });
    expect(first._unsafeUnwrap()).toEqual({ applied: ALL, adopted: [], skipped: [] });
    expect(await dumpLedger(database)).toMatchObject(ALL.map((id) => ({ id, state: 'done' })));

    const before = await dumpAll(database);
    const second = await migrate({ url: database.url });
    expect(second._unsafeUnwrap()).toEqual({ applied: [], adopted: [], skipped: [] });
    expect(await dumpAll(database)).toEqual(before);
  });

  test('reports what it does in order, and its end also when there is nothing to do', async () => {
    await using database = await emptyDatabase();
    const first = collectEvents();
    await mustRun(database.url, first);
    expect(first.events.map(({ type }) => type)).toEqual([
      'connected',
      'locked',
      'ledger-ready',
      ...MIGRATIONS.flatMap(({ statements, isTransactional }) => [
        'started',
        ...Array.from({ length: isTransactional ? statements.length : 2 }, () => 'statement-done'),
        'done',
      ]),
      'finished',
    ]);
    expect(
      first.ofType('started').map(({ migrationId, number, total }) => [migrationId, number, total]),
    ).toEqual(ALL.map((id, index) => [id, index + 1, ALL.length]));
    expect(first.ofType('finished')).toMatchObject([{ applied: ALL }]);

    const second = collectEvents();
    await mustRun(database.url, second);
    expect(second.events).toMatchObject([{ type: 'connected' }, { type: 'finished', applied: [] }]);
  });

  test('leaves the HNSW index out when asked, keeps it out, and builds it later', async () => {
    await using database = await emptyDatabase();
    expect(await mustRun(database.url, { hnsw: 'skip' })).toMatchObject({ skipped: HNSW });
    expect(await isIndexValid(database, HNSW_INDEX)).toBeNull();
    const again = await run(database.url, { hnsw: 'skip' });
    expect(again._unsafeUnwrap()).toEqual({ applied: [], adopted: [], skipped: [] });

    expect(await mustRun(database.url)).toMatchObject({ applied: HNSW });
    expect(await isIndexValid(database, HNSW_INDEX)).toBe(true);
    const built = await run(database.url, { hnsw: 'skip' });
    expect(built._unsafeUnwrap()).toEqual({ applied: [], adopted: [], skipped: [] });
    expect(await isIndexValid(database, HNSW_INDEX)).toBe(true);
  });

  test('ends between two steps when its signal is aborted, and goes on with the next run', async () => {
    await using database = await emptyDatabase();
    const abort = new AbortController();
    const aborted = await run(database.url, {
      signal: abort.signal,
      onProgress: (event) => {
        if (event.type === 'done' && event.migrationId === ALL[1]) abort.abort();
      },
    });
    expect(aborted._unsafeUnwrapErr().kind).toBe('aborted');
    expect(await mustRun(database.url)).toMatchObject({ applied: ALL.slice(2) });
  });

  test('sends nothing when its signal is aborted already', async () => {
    const aborted = await run('postgresql://127.0.0.1:1/nowhere', { signal: AbortSignal.abort() });
    expect(aborted._unsafeUnwrapErr().kind).toBe('aborted');
  });

  test('rolls the step back when onProgress throws, and goes on with the next run', async () => {
    await using database = await emptyDatabase();
    const failed = await run(database.url, {
      onProgress: (event) => {
        if (event.type === 'statement-done' && event.migrationId === ALL[1] && event.step === 2) {
          throw new Error('no more');
        }
      },
    });
    expect(failed._unsafeUnwrapErr().kind).toBe('callback-threw');
    expect(await dumpLedger(database)).toMatchObject([{ id: ALL[0], state: 'done' }]);
    expect(await database.query("select to_regclass('chat_messages') as name")).toEqual([{ name: null }]);
    expect(await mustRun(database.url)).toMatchObject({ applied: ALL.slice(1) });
  });

  test('names the statement that failed, keeps nothing of its migration, and goes on when it is mended', async () => {
    await using database = await emptyDatabase();
    const text = (last: string) => `create table note (id int);\n--> statement-breakpoint\n${last};`;
    const failed = await run(database.url, { migrations: [parseMigration('0000_note', text('select 1/0'))] });
    expect(failed._unsafeUnwrapErr()).toMatchObject({
      kind: 'migration-failed',
      migrationId: '0000_note',
      step: 2,
      sqlState: '22012',
    });
    expect(await dumpLedger(database)).toEqual([]);
    const mended = await run(database.url, { migrations: [parseMigration('0000_note', text('select 1'))] });
    expect(mended._unsafeUnwrap().applied).toEqual(['0000_note']);
  });

  test('refuses an index of its name that has another definition', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url, { hnsw: 'skip' });
    await database.query(`create index ${HNSW_INDEX} on chat_vectors (created_at)`);
    const failed = await run(database.url);
    expect(failed._unsafeUnwrapErr()).toMatchObject({
      kind: 'migration-failed',
      migrationId: HNSW[0],
      step: 1,
    });
    expect(
      await database.query(`select indexdef from pg_indexes where indexname = '${HNSW_INDEX}'`),
    ).toMatchObject([{ indexdef: expect.stringContaining('created_at') }]);
  });

  test.each([
    ['lockTimeoutMs', { lockTimeoutMs: 0 }],
    ['lockTimeoutMs', { lockTimeoutMs: 1.5 }],
    ['lockWaitMs', { lockWaitMs: Number.NaN }],
    ['retryForMs', { retryForMs: -1 }],
  ])('refuses a wrong %s before it connects', async (path, options) => {
    const refused = await run('postgresql://127.0.0.1:1/nowhere', options);
    expect(refused._unsafeUnwrapErr()).toMatchObject({ kind: 'invalid-input', issues: [{ path }] });
  });

  test('gives unavailable when nobody listens', async () => {
    const failed = await migrate({ url: 'postgresql://127.0.0.1:1/nowhere' });
    expect(failed._unsafeUnwrapErr()).toMatchObject({ kind: 'unavailable', retryable: true });
  });
});

describe('plan', () => {
  test('tells each statement with its lock, and changes nothing', async () => {
    await using database = await emptyDatabase();
    const before = await dumpAll(database);
    const { adopted, pending } = (await plan({ url: database.url, embedding: SMALL }))._unsafeUnwrap();
    expect(adopted).toEqual([]);
    expect(pending.map(({ id }) => id)).toEqual(ALL);
    expect(pending.flatMap(({ statements }) => statements)).toEqual(
      expect.arrayContaining([
        {
          sql: expect.stringMatching(/^CREATE TABLE "chat_vectors"[^;]*vector\(64\)/),
          lock: { level: 'none', blocks: 'nothing' },
        },
        {
          sql: expect.stringMatching(/^ALTER TABLE "chat_vectors" ALTER COLUMN "embedding" SET STORAGE/),
          lock: { level: 'ACCESS EXCLUSIVE', blocks: 'reads and writes' },
        },
        {
          sql: expect.stringMatching(/^CREATE INDEX CONCURRENTLY .* USING hnsw/),
          lock: { level: 'SHARE UPDATE EXCLUSIVE', blocks: 'nothing' },
        },
      ]),
    );
    expect(await dumpAll(database)).toEqual(before);
  });

  test('leaves out what is applied, and the HNSW index when asked', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url, { hnsw: 'skip' });
    const target = { url: database.url, embedding: SMALL };
    expect((await plan({ ...target, hnsw: 'skip' }))._unsafeUnwrap().pending).toEqual([]);
    expect((await plan(target))._unsafeUnwrap().pending.map(({ id }) => id)).toEqual(HNSW);
  });
});

describe('status', () => {
  test('tells of an empty database that all is pending', async () => {
    await using database = await emptyDatabase();
    expect((await status({ url: database.url }))._unsafeUnwrap()).toEqual({
      applied: [],
      pending: ALL,
      skipped: [],
      current: null,
      embedding: null,
      vectorExtension: null,
      invalidIndexes: [],
    });
  });

  test('tells what is applied, what was skipped, and which index is invalid', async () => {
    await using database = await emptyDatabase();
    await mustRun(database.url, { hnsw: 'skip' });
    await database.query("update pg_index set indisvalid = false where indexrelid = 'email_idx'::regclass");
    const rest = ALL.filter((id) => !HNSW.includes(id));
    expect((await status({ url: database.url }))._unsafeUnwrap()).toEqual({
      applied: rest,
      pending: [],
      skipped: HNSW,
      current: rest.at(-1),
      embedding: SMALL,
      vectorExtension: expect.stringMatching(/^\d+\.\d+/),
      invalidIndexes: ['email_idx'],
    });
  });
});
