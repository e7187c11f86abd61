import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DOCUMENTS, readBlocks } from '../../package/doc-blocks.js';
import { runLine } from '../../support/command-line.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

const BLOCKS = DOCUMENTS.flatMap(readBlocks);
const LINES = BLOCKS.filter(({ language }) => language === 'sh').flatMap(({ place, code }) =>
  code
    .split(/\n| && /)
    .filter((line) => line.startsWith('npx macro-store '))
    .map((line) => [place, line] as const),
);

let directory: string;
let database: TestDatabase;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'macro-store-docs-'));
  const embed = BLOCKS.find(({ code }) => code.startsWith('// embed.mjs'));
  await writeFile(join(directory, 'embed.mjs'), embed?.code ?? '');
  database = await createTestDatabase();
  await database.query("insert into users (email) values ('ada@example.com')");
});
afterAll(async () => {
  await database?.drop();
  await rm(directory, { recursive: true, force: true });
});

/** The tools of the server of this run, which need not be those of the PATH. */
function pgBin([command]: readonly string[]): readonly string[] {
  const found = inject('postgresBinDir');
  return command === 'backup' && found !== undefined ? ['--pg-bin', found] : [];
}

describe('the commands in the documents', () => {
  test.each(LINES)('%s: %s', async (_place, line) => {
    const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)]
      .map(([, quoted, bare]) => quoted ?? bare ?? '')
      .slice(2);
    const env = { DATABASE_URL: database.url };
    const { exitCode, stderr } = await runLine([...args, ...pgBin(args)], env, { directory });
    // Most servers of tests do without what would keep their data, which doctor does not let pass.
    if (args[0] === 'doctor') expect([exitCode < 2, stderr]).toEqual([true, '']);
    else expect([exitCode, stderr]).toEqual([0, expect.not.stringMatching(/^macro-store: /m)]);
  });
});
