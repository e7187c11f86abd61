import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DEFAULTS } from '../../src/config.js';
import { type StoreErrorKind, storeError } from '../../src/errors.js';
import { createTestDatabase } from '../support/test-database.js';
import { compileProblems } from './compile.js';
import { DOCUMENTS, type DocBlock, ROOT, readBlocks } from './doc-blocks.js';

const BLOCKS = DOCUMENTS.flatMap(readBlocks);
const PROGRAMS = BLOCKS.filter(({ language }) => language === 'ts' || language === 'js');
// Inside the repository, so that packages are found; ignored by git.
const FOLDER = join(ROOT, 'temp', `doc-blocks-${process.pid}`);
const fileOf = ({ place, language }: DocBlock) => join(FOLDER, `${place.replace(/[/:.]/g, '-')}.${language}`);
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  name: string;
  scripts: Record<string, string>;
  bin: Record<string, string>;
  peerDependencies: Record<string, string>;
};

beforeAll(async () => {
  await mkdir(FOLDER, { recursive: true });
  for (const block of PROGRAMS) await writeFile(fileOf(block), block.code);
});
afterAll(() => rm(FOLDER, { recursive: true, force: true }));

describe('the blocks of the documents', () => {
  test('are programs, shell commands, or what the program right before them prints', () => {
    const outputs = BLOCKS.filter(({ output }) => output !== null).length;
    expect(BLOCKS.filter(({ language }) => !['ts', 'js', 'sh', 'text'].includes(language))).toEqual([]);
    expect(BLOCKS.filter(({ language }) => language === 'text')).toHaveLength(outputs);
    // A fence that readBlocks does not see, indented for example, would go unchecked.
    const fences = DOCUMENTS.flatMap((document) => read(document).match(/^\s*(```|~~~)/gm) ?? []);
    expect(fences).toHaveLength(2 * BLOCKS.length);
    expect(PROGRAMS.length).toBeGreaterThan(0);
  });

  test('compile as a user would write them', () => {
    const files = PROGRAMS.filter(({ language }) => language === 'ts').map(fileOf);
    expect(compileProblems(files)).toEqual([]);
  });

  test.each(PROGRAMS.filter(({ needsServer }) => !needsServer))(
    '$place runs without a server',
    async (block) => {
      const stdout = await runProgram(block, {});
      if (block.output !== null) expect(stdout).toBe(block.output);
    },
  );

  test.each(PROGRAMS.filter(({ needsServer }) => needsServer))(
    '$place runs on servers',
    { timeout: 90_000 },
    async (block) => {
      await using database = await createTestDatabase({ template: false });
      const stdout = await runProgram(block, { DATABASE_URL: database.url, REDIS_URL: inject('redisUrl') });
      if (block.output !== null) expect(stdout).toBe(block.output);
    },
  );

  test('name commands that exist', () => {
    const lines = BLOCKS.filter(({ language }) => language === 'sh').flatMap(({ place, code }) =>
      code
        .split(/\n|&&/)
        .map((line) => line.trim())
        .filter((line) => line !== '')
        .map((line) => ({ place, line })),
    );
    expect(lines.filter(({ line }) => !isKnownCommand(line))).toEqual([]);
  });
});

describe('the README', () => {
  test('begins with the program of examples/quick-start.ts', () => {
    const [first] = PROGRAMS.filter(({ place }) => place.startsWith('README.md'));
    expect(read('examples/quick-start.ts')).toBe(`${QUICK_START_COMMENT}${first?.code}`);
  });

  test('gives the defaults that the code has, each of them', () => {
    const rows = [...read('README.md').matchAll(/^\| `([\w.]+)` +\|[^|]*\| ([^|]*?) *\|/gm)];
    const documented = new Map(rows.map(([, field = '', shown = '']) => [field, shown]));
    for (const [path, value] of leavesOf(DEFAULTS)) {
      const digits =
        typeof value === 'number' ? String(value).replace(/\B(?=(\d{3})+$)/g, '_') : `'${value}'`;
      const shown = documented.get(path);
      const expected = shown?.includes('_') || typeof value === 'string' ? digits : String(value);
      expect([path, shown]).toEqual([path, `\`${expected}\``]);
    }
  });
});

describe('links in the documents', () => {
  test('lead to files that are there', () => {
    const broken = DOCUMENTS.flatMap((document) =>
      [...read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map(([, target = '']) => join(dirname(document), target))
        .filter((path) => !existsSync(join(ROOT, path))),
    );
    expect(broken).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  const entries = [...read('docs/errors.md').matchAll(/^- \*\*`([\w-]+)`\*\*(, retryable)?:/gm)];

  test('has every kind of error once, and no other', () => {
    expect(entries.map(([, kind]) => kind).sort()).toEqual(errorKinds().sort());
  });

  test('says of each whether it is retryable', () => {
    for (const [, kind, mark] of entries) {
      const { retryable } = storeError(kind as StoreErrorKind & 'internal', 'docs.test', 'of this kind');
      expect([kind, mark !== undefined]).toEqual([kind, retryable]);
    }
  });
});

const QUICK_START_COMMENT =
  '// The program of the README: one chat, and a search by meaning. Needs no server.\n';

/** Runs it in a process of its own, by the package's name, and gives what it printed; it must end with 0. */
async function runProgram(block: DocBlock, env: Record<string, string>): Promise<string> {
  const { DATABASE_URL: _url, REDIS_URL: _redis, ...rest } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', fileOf(block)], {
    cwd: ROOT,
    env: { ...rest, ...env, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') },
    timeout: 60_000,
  });
  return stdout;
}

function isKnownCommand(line: string): boolean {
  const [program = '', ...words] = line.split(' ');
  const [first = '', second = ''] = words;
  // Run, each of them, by test/integration/cli/docs.test.ts.
  if (program === 'npx' && first in manifest.bin) return second !== '';
  if (program !== 'npm') return false;
  if (first === 'ci') return words.length === 1;
  if (first === 'test') return 'test' in manifest.scripts;
  if (first === 'run') return second in manifest.scripts;
  if (first === 'install') {
    return words.slice(1).every((name) => name === manifest.name || name in manifest.peerDependencies);
  }
  return false;
}

/** The members of `StoreErrorFields`: a type, so they are read from the source. */
function errorKinds(): string[] {
  const source = ts.createSourceFile('errors.ts', read('src/errors.ts'), ts.ScriptTarget.Latest);
  const fields = source.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === 'StoreErrorFields',
  );
  if (fields === undefined || !ts.isInterfaceDeclaration(fields)) throw new Error('no StoreErrorFields');
  return fields.members.map(({ name }) =>
    name !== undefined && (ts.isStringLiteral(name) || ts.isIdentifier(name)) ? name.text : '',
  );
}

/** Each field by its path, as the README writes it. */
function leavesOf(value: unknown, path = ''): readonly (readonly [path: string, value: unknown])[] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([field, inner]) =>
    leavesOf(inner, path === '' ? field : `${path}.${field}`),
  );
}
