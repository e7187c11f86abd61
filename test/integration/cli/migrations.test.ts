import { describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../../src/migrations/bundled.js';
import { runLine as run } from '../../support/command-line.js';
import { createTestDatabase } from '../../support/test-database.js';

const ALL = MIGRATIONS.map(({ id }) => id);
const HNSW = ALL.filter((id) => id.includes('hnsw'));
const PASSWORD = 'correct-horse';
const NOBODY = `postgresql://reader:${PASSWORD}@127.0.0.1:1/chat`;

describe('macro-store', () => {
  test('migrates step by step, then finds nothing to do', async () => {
    await using database = await createTestDatabase({ template: false });
    const env = { DATABASE_URL: database.url };

    const first = await run(['migrate', '--skip-hnsw'], env);
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.stdout.split('\n').filter((line) => line.startsWith('applied'))).toHaveLength(
      ALL.length - 1,
    );
    expect(first.stdout).toContain(`skipped  ${HNSW[0]}`);
    expect(first.stderr).toMatch(new RegExp(`^${ALL[0]} \\(1 of ${ALL.length}\\)\n  done in \\d+ ms\n`));

    const second = await run(['migrate', '--url', database.url]);
    expect(second.stdout).toBe(`applied  ${HNSW[0]}\n`);

    const third = await run(['migrate'], env);
    expect(third).toEqual({ exitCode: 0, stdout: 'nothing to do: the database is up to date\n', stderr: '' });
  });

  test('plans without a change, with the lock of each statement', async () => {
    await using database = await createTestDatabase({ template: false });
    const { exitCode, stdout } = await run(['plan', '--dimensions', '384', '--column', 'halfvec'], {
      DATABASE_URL: database.url,
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('"embedding" halfvec(384)');
    expect(stdout).toContain('CREATE INDEX CONCURRENTLY');
    expect(stdout).toContain('--   lock on existing tables: SHARE UPDATE EXCLUSIVE, blocks nothing');
    expect(await database.query("select 1 from pg_tables where schemaname = 'public'")).toEqual([]);
  });

  test('tells where the database stands, for readers and as JSON', async () => {
    await using database = await createTestDatabase({ template: false });
    const env = { DATABASE_URL: database.url };
    expect((await run(['status'], env)).stdout).toContain('applied    none\n');

    await run(['migrate', '--skip-hnsw', '--dimensions', '3'], env);
    expect((await run(['status'], env)).stdout).toContain('embedding  vector(3)\n');
    const { stdout } = await run(['status', '--json'], env);
    expect(JSON.parse(stdout)).toMatchObject({
      applied: ALL.filter((id) => !HNSW.includes(id)),
      pending: [],
      skipped: HNSW,
      embedding: { column: 'vector', dimensions: 3 },
    });
  });

  test('gives the report as JSON, and no progress', async () => {
    await using database = await createTestDatabase({ template: false });
    const { stdout, stderr } = await run(['migrate', '--json'], { DATABASE_URL: database.url });
    expect(JSON.parse(stdout)).toEqual({ applied: ALL, adopted: [], skipped: [] });
    expect(stderr).toBe('');
  });

  test('fails with 1, the kind and the reason, and never shows a password', async () => {
    const failed = await run(['status', '--url', NOBODY]);
    expect(failed).toMatchObject({ exitCode: 1, stdout: '' });
    expect(failed.stderr).toMatch(/^macro-store: unavailable: .*\(ECONNREFUSED\)\n$/);

    const { stderr, exitCode } = await run(['migrate', '--json'], { DATABASE_URL: NOBODY });
    expect(exitCode).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: { kind: 'unavailable', retryable: true } });
    expect(`${failed.stderr}${stderr}`).not.toContain(PASSWORD);
  });

  test('refuses a database of other dimensions with both numbers', async () => {
    await using database = await createTestDatabase();
    const { exitCode, stderr } = await run(['migrate', '--dimensions', '3'], { DATABASE_URL: database.url });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/dimension-mismatch: .*vector\(3\).*vector\(1536\)/);
  });

  test.each([
    ['no command', [], /which command\? One of plan, migrate, status, doctor/],
    ['an unknown command', ['drop'], /which command\?/],
    ['a command that every object has', ['toString'], /which command\?/],
    [
      'a word too many',
      ['migrate', 'status', '--url', NOBODY],
      /too many words; it is: macro-store migrate \[options\]/,
    ],
    ['an unknown option', ['status', `--ulr=${NOBODY}`], /unknown option --ulr\n/],
    ['an option without its value', ['status', '--url'], /an option lacks its value/],
    ['no database', ['status'], /DATABASE_URL/],
    [
      'a URL of something else',
      ['status', '--url', `mysql://u:${PASSWORD}@h/d`],
      /database\.url: must be a postgres/,
    ],
    [
      'dimensions that are no number',
      ['plan', '--url', NOBODY, '--dimensions', 'many'],
      /--dimensions must be/,
    ],
    ['too many dimensions', ['plan', '--url', NOBODY, '--dimensions', '3000'], /at most 2000/],
    [
      'an unknown column',
      ['plan', '--url', NOBODY, '--column', 'bit'],
      /--column must be one of vector, halfvec/,
    ],
  ])('ends with 2 and says what is wrong: %s', async (_name, args, message) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain(PASSWORD);
  });
});
