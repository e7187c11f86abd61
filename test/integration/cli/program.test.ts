import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { createMacroStore } from '../../../src/index.js';
import { runInTerminal, runLine, runPiped, startPiped } from '../../support/command-line.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

const COMMANDS = ['plan', 'migrate', 'status', 'doctor', 'metrics', 'index', 'search', 'recall', 'backup'];
const DIMENSIONS = 64;
/** Enough for a build of which the server reports progress. */
const ROWS = 4_000;
const CLEAR_LINE = '\r\u001b[K';

let directory: string;
let database: TestDatabase;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'macro-store-cli-'));
  database = await createTestDatabase({ template: false });
  env = { DATABASE_URL: database.url, MACRO_STORE_DIMENSIONS: `${DIMENSIONS}` };
  expect(await runLine(['migrate', '--skip-hnsw'], env)).toMatchObject({ exitCode: 0 });
  await database.query("insert into users (email) values ('ada@example.com')");
  await database.query("insert into chats (user_id, title) select id, 'Trip' from users");
  await database.query(
    `insert into chat_vectors (user_id, chat_id, content, embedding)
      select u.id, c.id, 'text ' || n, (select array_agg(random() - 0.5 + n * 0 + place * 0)
        from generate_series(1, ${DIMENSIONS}) as place)::vector
      from users u, chats c, generate_series(1, ${ROWS}) n`,
  );
  await database.query('analyze');
});
afterAll(async () => {
  await database?.drop();
  await rm(directory, { recursive: true, force: true });
});

describe('macro-store as a program', () => {
  test('shows its commands, and in a terminal the same', async () => {
    const piped = await runPiped(['--help']);
    expect(piped).toMatchObject({ exitCode: 0, stderr: '' });
    for (const word of [...COMMANDS, 'DATABASE_URL', 'macro-store.config.json', 'Exit codes']) {
      expect(piped.stdout).toContain(word);
    }
    const terminal = await runInTerminal(['help']);
    expect(terminal.exitCode).toBe(0);
    expect(terminal.stdout.replaceAll('\r\n', '\n')).toBe(piped.stdout);
  });

  test('does not mind a reader that has seen enough', async () => {
    const program = startPiped(['--help']);
    program.stopReading();
    expect(await program.ended).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('does not repeat what stands behind an option that it does not know', async () => {
    for (const given of ['-phunter2', '--pass=hunter2']) {
      const { exitCode, stderr } = await runLine(['status', given]);
      expect([exitCode, stderr]).toEqual([
        2,
        expect.stringContaining(`unknown option ${given.startsWith('--') ? '--pass' : '-p'}`),
      ]);
      expect(stderr).not.toContain('hunter2');
    }
  });

  test.each(COMMANDS)('teaches %s: what it does, options, examples, exit codes', async (name) => {
    const { exitCode, stdout } = await runLine([name, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`^macro-store ${name}: .+\n\nUsage: macro-store ${name} `));
    for (const part of [
      'Options of every command',
      '--json',
      `Examples\n  macro-store ${name}`,
      'Exit codes: 0',
    ]) {
      expect(stdout).toContain(part);
    }
    expect(await runLine(['help', name])).toEqual({ exitCode, stdout, stderr: '' });
  });

  test('has examples in its help that it understands', async () => {
    for (const name of COMMANDS) {
      const { stdout } = await runLine(['help', name]);
      const examples = [...stdout.matchAll(/^ {2}macro-store (\S.*?)(?: > .*)?$/gm)].map(
        ([, line = '']) => line,
      );
      expect(examples.length).toBeGreaterThan(0);
      for (const line of examples) {
        const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
        const { stderr } = await runLine([...args, '--help']);
        expect([line, stderr]).toEqual([line, '']);
      }
    }
  });

  test('prints its version and ends with 0, whatever else is asked, and needs no configuration', async () => {
    const printed = { exitCode: 0, stdout: `${packageJson.version}\n`, stderr: '' };
    expect(await runPiped(['--version'])).toEqual(printed);
    expect(await runLine(['migrate', '--version'])).toEqual(printed);
    expect((await runLine(['--help'])).stdout).toMatch(/--version +the version of this program/);
  });

  test('ends with 2 for a mistake, through a pipe and in a terminal', async () => {
    expect(await runPiped(['drop'])).toMatchObject({ exitCode: 2, stdout: '' });
    expect((await runInTerminal(['drop'])).exitCode).toBe(2);
    const { exitCode, stderr } = await runPiped(['status', '--json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ error: { kind: 'usage' } });
  });

  test('draws a bar that is rewritten in a terminal, and ends with 0', async () => {
    const { exitCode, stdout } = await runInTerminal(
      ['index', 'rebuild', 'hnsw', '--ef-construction', '500'],
      env,
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain('idx_chat_vectors_embedding_hnsw (1 of 1)');
    expect(stdout.split(CLEAR_LINE).length).toBeGreaterThan(1);
    expect(stdout).toMatch(/: building index.*\[[#.]{24}\] \d+ %/);
    expect(stdout).toMatch(/\r\nrebuilt {3}idx_chat_vectors_embedding_hnsw\r\n$/);
  });

  test('writes plain lines through a pipe, with results apart from progress', async () => {
    const { exitCode, stdout, stderr } = await runPiped(
      ['index', 'rebuild', 'hnsw', '--ef-construction', '500'],
      env,
    );
    expect(exitCode).toBe(0);
    expect(stdout).toBe('rebuilt   idx_chat_vectors_embedding_hnsw\n');
    expect(stderr).toMatch(/^idx_chat_vectors_embedding_hnsw \(1 of 1\)\n/);
    expect(stderr).toMatch(/: building index.* \d+ %\n/);
    for (const control of ['\r', '\u001b', '[']) expect(stderr).not.toContain(control);
  });

  test('gives no progress with --json', async () => {
    const { exitCode, stdout, stderr } = await runPiped(['index', 'rebuild', 'hnsw', '--json'], env);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ rebuilt: ['idx_chat_vectors_embedding_hnsw'] });
  });

  test('ends a build on the server with Ctrl-C, and leaves nothing of it behind', async () => {
    const running = startPiped(['index', 'rebuild', 'hnsw', '--m', '48', '--ef-construction', '1000'], env);
    await running.hasWritten('building index');
    running.interrupt();
    const { exitCode, stdout, stderr } = await running.ended;
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain('\nmacro-store: aborted: ');
    const status = await runLine(['index', 'status', '--json'], env);
    expect(JSON.parse(status.stdout).leftovers).toEqual([]);
  });
});

describe('macro-store index', () => {
  test('shows each index with its state, builds what is missing, and drops', async () => {
    expect((await runLine(['index', 'drop', 'hnsw'], env)).stdout).toBe(
      'dropped   idx_chat_vectors_embedding_hnsw\n',
    );
    expect((await runLine(['index', 'status'], env)).stdout).toMatch(
      /\nidx_chat_vectors_embedding_hnsw +hnsw +not there +0\.0 MB\n/,
    );
    const { stdout } = await runLine(['index', 'ensure', '--m', '8'], env);
    expect(stdout).toContain('built     idx_chat_vectors_embedding_hnsw\n');
    expect((await runLine(['index', 'status'], env)).stdout).toMatch(
      /^vectors: about 4000, 0 dead; of the largest user: about 4000\n/,
    );
  });

  test('names the choices, and the fields that are wrong', async () => {
    expect((await runLine(['index'], env)).stderr).toContain('one of status, ensure, rebuild, drop');
    expect((await runLine(['index', 'drop', 'covering'], env)).stderr).toContain('one of hnsw, partial-hnsw');
    const { exitCode, stderr } = await runLine(['index', 'ensure', '--m', '500'], env);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^macro-store: invalid-input: .*hnsw\.m/);
  });
});

describe('macro-store metrics', () => {
  test('shows sessions, sizes and slow statements, or why they cannot be told', async () => {
    const { exitCode, stdout } = await runLine(['metrics'], env);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^sessions {5}\d+ active, \d+ of \d+\nhit ratio /);
    expect(stdout).toMatch(/\ntable +rows +dead +size +indexes\n/);
    expect(stdout).toMatch(/\nchat_vectors +\d+ +\d+ +\d+\.\d MB/);
    expect(stdout).toMatch(/\n(slow statements: .*pg_stat_statements|no statement takes|mean ms)/);
  });

  test('gives all of it as JSON', async () => {
    const { exitCode, stdout } = await runLine(['metrics', '--json'], env);
    expect(exitCode).toBe(0);
    const health = JSON.parse(stdout);
    expect(health.relations.tables.map(({ name }: { name: string }) => name)).toContain('chat_vectors');
    expect(health.pool).toMatchObject({ available: true, waiting: 0 });
  });

  describe('growth', () => {
    const json = async (...options: string[]) =>
      JSON.parse((await runLine(['metrics', '--json', ...options], env)).stdout);
    const dateIn = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

    test('says how to come by a forecast, and records the first snapshot', async () => {
      expect((await runLine(['metrics'], env)).stdout).toMatch(
        /\ngrowth {7}call .* run 'macro-store metrics --record-growth', .* \(there are 0\)\n/,
      );
      const { exitCode, stdout, stderr } = await runLine(['metrics', '--record-growth'], env);
      expect([exitCode, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^recorded {5}now\nsessions [\s\S]*\(there are 1\)\n/);
      expect(await database.query('select 1 from macro_store_growth_snapshots')).toHaveLength(1);
      const { recordedGrowth } = await json('--record-growth');
      expect(recordedGrowth).toMatchObject({ tables: expect.any(Array), takenAt: expect.any(String) });
      expect(await json()).not.toHaveProperty('recordedGrowth');
    });

    test('shows what the database and its tables will take, and when it reaches a limit', async () => {
      await database.query('truncate macro_store_growth_snapshots');
      await database.query(
        `insert into macro_store_growth_snapshots select hour, hour, (1024 - 10 * ago) * 1024::bigint * 1024,
          jsonb_build_array(jsonb_build_object('name', 'chat_vectors', 'rows', 1,
            'tableBytes', (512 - 5 * ago) * 1024 * 1024, 'indexBytes', 0))
          from (select ago, date_trunc('hour', now(), 'UTC') - ago * interval '24 hours' as hour
            from generate_series(0, 9) ago) days`,
      );
      const { exitCode, stdout } = await runLine(['metrics', '--limit', '2'], env);
      expect(exitCode).toBe(0);
      expect(stdout).toContain(
        '\ngrowth       10.0 MB a day; in 30 days 1324.0 MB, 1324.0 MB to 1324.0 MB nine times in ten\n' +
          `             by 10 days, ${dateIn(-9)} to ${dateIn(0)}\n` +
          `limit        2 GB on ${dateIn(103)}, on ${dateIn(103)} at the earliest\n`,
      );
      expect(stdout).toMatch(/\ntable +rows +dead +size +indexes +both a day +in 30 days\n/);
      expect(stdout).toMatch(/\nchat_vectors .* MB +5\.0 MB +662\.0 MB\n/);
      expect(stdout).toMatch(/\nusers [^\n]* MB *\n/);

      expect((await runLine(['metrics', '--limit', '1'], env)).stdout).toContain(
        '\nlimit        1 GB is reached\n',
      );
      const year = await runLine(['metrics', '--days', '365', '--limit', '500'], env);
      expect(year.stdout).toMatch(
        /; in 365 days 4674\.0 MB, [\s\S]*\nlimit {8}500 GB not within 100 years\n/,
      );
      expect((await json('--days', '1', '--limit', '1.5')).growth).toMatchObject({
        available: true,
        days: 1,
        database: { expectedBytes: 1034 * 1024 ** 2 },
        limit: { bytes: 1.5 * 1024 ** 3 },
      });
    });

    test('refuses what is no number, and numbers out of bounds by the name of the field', async () => {
      await database.query('truncate macro_store_growth_snapshots');
      expect(await runLine(['metrics', '--record-growth', '--days', 'many'], env)).toMatchObject({
        exitCode: 2,
        stdout: '',
      });
      expect(await database.query('select 1 from macro_store_growth_snapshots')).toEqual([]);
      expect(await runLine(['metrics', '--record-growth', '--days', '0'], env)).toMatchObject({
        exitCode: 1,
      });
      expect(await runLine(['metrics', '--record-growth', '--limit', '0'], env)).toMatchObject({
        exitCode: 1,
      });
      expect(await database.query('select 1 from macro_store_growth_snapshots')).toEqual([]);
      expect(await runLine(['metrics', '--limit', '1TB'], env)).toMatchObject({ exitCode: 2, stdout: '' });
      for (const [option, field] of [
        ['--days=0', 'days'],
        ['--limit=0', 'limitBytes'],
        ['--limit=-1', 'limitBytes'],
      ]) {
        const { exitCode, stdout, stderr } = await runLine(['metrics', `${option}`], env);
        expect([exitCode, stdout]).toEqual([1, '']);
        expect(stderr).toMatch(new RegExp(`^macro-store: invalid-input: .*${field}`));
      }
    });

    test('ends with 1 where it may not or cannot record, whatever else could be shown', async () => {
      await using unmigrated = await createTestDatabase({ template: false });
      const { exitCode, stdout, stderr } = await runLine(['metrics', '--record-growth', '--json'], {
        ...env,
        DATABASE_URL: unmigrated.url,
      });
      expect([exitCode, stdout]).toEqual([1, '']);
      expect(JSON.parse(stderr)).toMatchObject({ error: { kind: 'not-migrated' } });
    });
  });
});

describe('macro-store recall', () => {
  test('shows a row for each size of user', async () => {
    const { exitCode, stdout } = await runLine(['recall', '--sample', '5'], env);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^vectors of a user +searches +recall@10 +lowest +strategies\nup to 10 /);
    expect(stdout).toMatch(/\nup to 4000 +5 +[01]\.\d{4} +[01]\.\d{4} +\S.*\n/);
  });
});

describe('macro-store search', () => {
  const USER = ['--user', 'eve@example.com'];
  const near = [1, ...Array.from({ length: DIMENSIONS - 1 }, () => 0)];
  const path = (name: string) => join(directory, name);

  beforeAll(async () => {
    await using store = createMacroStore({
      database: { url: database.url },
      embedding: { dimensions: DIMENSIONS },
    });
    const user = (await store.users.create({ email: 'eve@example.com' }))._unsafeUnwrap();
    const chat = (await store.chats.create({ userId: user.id, title: 'Refunds' }))._unsafeUnwrap();
    const texts = ['Your refund\u001b[2J is\non its way', 'The parcel left Rome'];
    for (const [index, content] of texts.entries()) {
      const embedding = near.map((_, place) => (place === index ? 1 : 0));
      const said = { userId: user.id, chatId: chat.id, role: 'user' as const, content, embedding };
      (await store.messages.append(said))._unsafeUnwrap();
    }
    await writeFile(path('question.json'), JSON.stringify({ embedding: near }));
    await writeFile(
      path('embed.mjs'),
      `export const embed = async (text) => text.split('').map(() => 0).concat(${JSON.stringify(near)}).slice(-${DIMENSIONS});`,
    );
    await writeFile(path('throws.mjs'), "export function embed() { throw new Error('key sk-secret'); }");
    await writeFile(path('empty.mjs'), 'export const other = 1;');
  });

  test('finds words without a model, and prints nothing a terminal would obey', async () => {
    const { exitCode, stdout } = await runLine(['search', 'refund', ...USER], env);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^rank +when +chat +text\n0\.\d{3} .* Your refund \[2J is on its way\n$/);
  });

  test('finds by meaning with a module of the caller, or an embedding in a file', async () => {
    for (const option of ['--embed-module=embed.mjs', '--embedding=question.json']) {
      const { stdout } = await runLine(['search', 'money back', ...USER, option], env, { directory });
      expect(stdout).toMatch(
        /^similarity +when +chat +text\n1\.000 .* Your refund .*\nexact, 2 vectors in scope, /,
      );
    }
    const all = await runLine(
      ['search', 'money back', ...USER, '--embedding=question.json', '--threshold', 'none', '--json'],
      env,
      { directory },
    );
    expect(JSON.parse(all.stdout).hits).toHaveLength(2);
  });

  test('finds by meaning and words at once', async () => {
    const { stdout } = await runLine(
      ['search', 'parcel', ...USER, '--embedding', path('question.json'), '--hybrid'],
      env,
    );
    expect(stdout).toMatch(/^similarity +when +places +text\n0\.000 .* 2\/1 +The parcel left Rome\n1\.000 /);
  });

  test('cuts lines to the width of a terminal', async () => {
    const { stdout } = await runInTerminal(['search', 'refund OR parcel', ...USER], env);
    expect(Math.max(...stdout.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test.each([
    ['no question', ['search', ...USER], 2, /which question\?/],
    ['no user', ['search', 'refund'], 2, /Give --user/],
    ['an unknown user', ['search', 'refund', '--user', 'nobody@example.com'], 1, /not-found: .*user/],
    ['no id', ['search', 'refund', '--user', 'ada'], 1, /invalid-input: .*userId/],
    ['--hybrid without a model', ['search', 'refund', ...USER, '--hybrid'], 2, /need --embed-module or/],
    ['a file that is not there', ['search', 'refund', ...USER, '--embedding', 'no.json'], 2, /\(ENOENT\)/],
    [
      'a module without embed',
      ['search', 'x', ...USER, '--embed-module', 'empty.mjs'],
      2,
      /must export a function/,
    ],
    ['a model that fails', ['search', 'x', ...USER, '--embed-module', 'throws.mjs'], 1, /callback-threw: /],
  ])('says what is wrong: %s', async (_what, args, exitCode, message) => {
    const ended = await runLine(args, env, { directory });
    expect([ended.exitCode, ended.stdout]).toEqual([exitCode, '']);
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toContain('sk-secret');
  });
});

describe('the configuration of macro-store', () => {
  const aDirectory = async (config: unknown) => {
    const folder = await mkdtemp(join(directory, 'config-'));
    await writeFile(
      join(folder, 'macro-store.config.json'),
      typeof config === 'string' ? config : JSON.stringify(config),
    );
    return folder;
  };
  const NOBODY = 'postgresql://app:correct-horse@127.0.0.1:1/chat';

  test('comes from the file in the working directory', async () => {
    const folder = await aDirectory({
      database: { url: database.url },
      embedding: { dimensions: DIMENSIONS },
    });
    expect((await runLine(['status'], {}, { directory: folder })).stdout).toContain(`vector(${DIMENSIONS})`);
  });

  test('comes from options before variables before the file', async () => {
    const folder = await aDirectory({ database: { url: NOBODY }, redis: { url: 'redis://127.0.0.1:1' } });
    const options = ['--url', database.url, '--redis-url', inject('redisUrl')];
    const nowhere = { DATABASE_URL: NOBODY, REDIS_URL: 'redis://127.0.0.1:2' };
    const byOption = await runLine(['doctor', '--json', ...options], nowhere, { directory: folder });
    expect(byOption.stdout).not.toContain('ECONNREFUSED');
    const byVariable = await runLine(['status'], env, { directory: folder });
    expect(byVariable.exitCode).toBe(0);
  });

  test('never migrates by the direct URL of a file when another database is named', async () => {
    const folder = await aDirectory({ database: { url: NOBODY, migrationUrl: NOBODY, tls: false, max: 5 } });
    expect((await runLine(['status', '--url', database.url], {}, { directory: folder })).exitCode).toBe(0);
    const variables = { MACRO_STORE_MIGRATION_URL: NOBODY };
    expect((await runLine(['status', '--url', database.url], variables)).exitCode).toBe(0);
    expect((await runLine(['status'], { ...variables, DATABASE_URL: database.url })).exitCode).toBe(1);
  });

  test.each([
    ['no JSON', `{"database": "${NOBODY}"`, /must hold one JSON object/],
    ['a field that does not exist', { database: { url: NOBODY, port: 1 } }, /database/],
    ['a value that does not fit', { database: { url: NOBODY, max: 0 } }, /database\.max/],
  ])('is refused without a word of it: %s', async (_what, config, message) => {
    const { exitCode, stderr } = await runLine(['status'], {}, { directory: await aDirectory(config) });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('correct-horse');
  });

  test('is refused when the named file is not there', async () => {
    const { exitCode, stderr } = await runLine(['status', '--config', 'other.json'], {}, { directory });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('(ENOENT)')]);
  });
});
