import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../src/migrations/bundled.js';
import { createTestDatabase } from '../support/test-database.js';
import { ROOT } from './doc-blocks.js';

const run = promisify(execFile);
const NAME = '@macro-ai/store';

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly peerDependenciesMeta: Record<string, { optional?: boolean }>;
}

/** Outside the repository: what is found there is found without its node_modules. */
let folder: string;
const app = (...path: string[]) => join(folder, 'app', ...path);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'macro-store-tarball-'));
  const tarball = await packBuild(join(folder, 'package'));
  const installed = app('node_modules', NAME);
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed]);
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as Manifest;
  for (const name of needed(manifest))
    await link(join(ROOT, 'node_modules', name), app('node_modules', name));
  await link(join(installed, 'dist', 'cli.js'), app('node_modules', '.bin', 'macro-store'));
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A build of its own, so that no other run's dist/ is disturbed, packed as npm publishes it. */
async function packBuild(stage: string): Promise<string> {
  await mkdir(stage, { recursive: true });
  for (const part of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'migrations']) {
    await cp(join(ROOT, part), join(stage, part), { recursive: true });
  }
  const tsup = join(ROOT, 'node_modules', 'tsup', 'dist', 'cli-default.js');
  await run(process.execPath, [tsup, '--no-dts', '--silent', '--out-dir', join(stage, 'dist')], {
    cwd: ROOT,
  });
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', pack, { cwd: stage });
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  return join(folder, packed?.filename ?? '');
}

/** What npm would install with it; the optional peers are left out on purpose. */
function needed({ dependencies, peerDependencies, peerDependenciesMeta }: Manifest): string[] {
  const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true);
  return [...Object.keys(dependencies), ...peers];
}

async function link(target: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path);
}

/** A small service: migrates the database of DATABASE_URL and prints how many migrations it applied. */
const SERVICE = `
async function main() {
  const store = createMacroStore({ database: { url: process.env.DATABASE_URL } });
  const migrated = await store.migrate();
  if (migrated.isErr()) throw migrated.error;
  const user = await store.users.create({ email: 'ada@example.com' });
  console.log(migrated.value.applied.length, user.isOk());
  await store.close();
}
main();
`;
const ESM_SERVICE = `import { createMacroStore } from '${NAME}';\n${SERVICE}`;
const CJS_SERVICE = `const { createMacroStore } = require('${NAME}');\n${SERVICE}`;

async function expectToMigrate(file: string): Promise<void> {
  await using database = await createTestDatabase({ template: false });
  const env = { ...process.env, DATABASE_URL: database.url };
  const { stdout } = await run(process.execPath, [file], { cwd: dirname(file), env });
  expect(stdout).toBe(`${MIGRATIONS.length} true\n`);
}

async function runSource(file: string, source: string): Promise<string> {
  await writeFile(app(file), source);
  return (await run(process.execPath, [app(file)], { cwd: app() })).stdout;
}

describe('the packed tarball', () => {
  test('is imported as an ES module and migrates an empty database', async () => {
    await writeFile(app('service.mjs'), ESM_SERVICE);
    await expectToMigrate(app('service.mjs'));
  });

  test('is required as CommonJS and migrates an empty database', async () => {
    await writeFile(app('service.cjs'), CJS_SERVICE);
    await expectToMigrate(app('service.cjs'));
  });

  test.each([
    // CommonJS inside an ES module needs a require to call Node's own modules by.
    [
      'esm',
      'mjs',
      "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    ],
    ['cjs', 'cjs', ''],
  ] as const)(
    'is bundled into one %s file that migrates alone, without a folder of SQL',
    async (format, ending, js) => {
      await writeFile(app('service.mjs'), ESM_SERVICE);
      const alone = join(folder, `alone-${format}`);
      await build({
        config: false,
        silent: true,
        entry: { service: app('service.mjs') },
        outDir: alone,
        format,
        platform: 'node',
        target: 'node20',
        noExternal: [/.*/],
        // Optional peers of ours and of pg, none of them installed.
        external: ['ioredis', '@electric-sql/pglite', '@electric-sql/pglite-pgvector', 'pg-native'],
        outExtension: () => ({ js: `.${ending}` }),
        banner: { js },
      });
      await expectToMigrate(join(alone, `service.${ending}`));
    },
  );

  test('has the schema and the runner under paths of their own, for both kinds of importer', async () => {
    const print =
      'console.log(typeof schema.chatVectors, typeof migrations.migrate, typeof migrations.plan);';
    const required = `const schema = require('${NAME}/schema'); const migrations = require('${NAME}/migrations');`;
    const imported = `import * as schema from '${NAME}/schema'; import * as migrations from '${NAME}/migrations';`;
    expect(await runSource('paths.cjs', `${required} ${print}`)).toBe('object function function\n');
    expect(await runSource('paths.mjs', `${imported} ${print}`)).toBe('object function function\n');
  });

  test('says which packages the embedded database needs when they are not installed', async () => {
    const source = `import { createMacroStore } from '${NAME}';
      const found = await createMacroStore().users.findByEmail('ada@example.com');
      console.log(found.isErr() && found.error.kind, found.isErr() && found.error.message);`;
    expect(await runSource('embedded.mjs', source)).toMatch(/^unavailable .*@electric-sql\/pglite-pgvector/);
  });

  test('has the command: help, and the status of a database', async () => {
    const command = app('node_modules', '.bin', 'macro-store');
    expect((await run(command, ['--help'])).stdout).toContain('Usage: macro-store <command>');
    await using database = await createTestDatabase();
    const env = { ...process.env, DATABASE_URL: database.url };
    const { stdout } = await run(command, ['status', '--json'], { env });
    expect(JSON.parse(stdout)).toMatchObject({ pending: [], applied: MIGRATIONS.map(({ id }) => id) });
  });
});
