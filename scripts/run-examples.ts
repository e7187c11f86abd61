// Builds the package and runs every example against the build, on servers found as for the tests.
// An example passes when it exits with 0 and prints what it is expected to.
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createDatabase, dropDatabase, withDatabase } from '../test/support/database-admin.js';
import { startServices } from '../test/support/services.js';

interface Example {
  /** A file of examples/, without its ending. */
  readonly file: string;
  readonly args?: readonly string[];
  /** Its own empty database, and Redis; those with the same name share them. Default: none. */
  readonly servers?: string;
  readonly prints: RegExp;
}

const LIMITED =
  /^node: 200 200 200 429 429, come back in 1 s[\s\S]*^web: 200 200 200 429$[\s\S]*^tokens left: 99\d{3}$/m;
const QUESTION = 'a room with wifi';

const EXAMPLES: readonly Example[] = [
  { file: 'quick-start', prints: /^0\.99 Where can I eat pasta\?$/m },
  { file: 'transactions', prints: /^committed without the inner work: true, chats: 2$/m },
  { file: 'migrations-at-deploy', servers: 'migrations', prints: /^applied [1-9]\d*, each once: true$/m },
  { file: 'shared-pool', servers: 'pool', prints: /the pool still answers: 1 user$/m },
  { file: 'health-server', prints: /^\/live: 200 .*\n\/ready: 200 .*\n\/metrics: 200 [1-9]\d* metrics$/m },
  {
    file: 'cache-without-redis',
    prints: /^nobody listens, second read: Ada, from the cache, within a second/m,
  },
  { file: 'cache-without-redis', servers: 'cache', prints: /^REDIS_URL: redis is up$/m },
  { file: 'rate-limits', prints: LIMITED },
  {
    file: 'rate-limits',
    servers: 'limits',
    prints: LIMITED,
  },
  { file: 'demo', args: [QUESTION], prints: /^0\.\d{3} .*hotel room with wifi/m },
  { file: 'demo', args: [QUESTION], servers: 'demo', prints: /^0\.\d{3} .*hotel room with wifi/m },
  // The second run finds its chats and the question's embedding where the first one left them.
  {
    file: 'demo',
    args: [QUESTION],
    servers: 'demo',
    prints: /, 0 of them new\n[\s\S]*from the cache\n[\s\S]*^0\.\d{3} /m,
  },
];

const TIMEOUT_MS = 120_000;
const root = fileURLToPath(new URL('..', import.meta.url));

const forgotten = readdirSync(new URL('../examples/', import.meta.url))
  .filter((name) => name.endsWith('.ts'))
  .filter((name) => !EXAMPLES.some(({ file }) => `${file}.ts` === name));
if (forgotten.length > 0) {
  console.error(`examples: not in scripts/run-examples.ts: ${forgotten.join(', ')}`);
  process.exit(1);
}

execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
const services = await startServices();
const databases = new Map<string, string>();
try {
  let failed = 0;
  for (const example of EXAMPLES) {
    const started = performance.now();
    const problem = await run(example);
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    const name = `${example.file}${example.servers === undefined ? '' : ' (on servers)'}`;
    console.log(`${problem === null ? 'ok    ' : 'FAILED'} ${name}, ${seconds} s`);
    if (problem !== null) {
      failed += 1;
      console.log(problem.replace(/^/gm, '       '));
    }
  }
  console.log(`examples: ${EXAMPLES.length - failed} ok, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  for (const name of databases.values()) await dropDatabase(services.postgres.url, name);
  await services.stop();
}

/** What is wrong with it, or `null`. */
async function run({ file, args = [], servers, prints }: Example): Promise<string | null> {
  const env: NodeJS.ProcessEnv = { ...process.env };
  delete env['DATABASE_URL'];
  delete env['REDIS_URL'];
  if (servers !== undefined) {
    env['DATABASE_URL'] = withDatabase(services.postgres.url, await databaseFor(servers));
    env['REDIS_URL'] = services.redis.url;
  }
  // The other tsconfig maps the package's name to src/; without it Node finds dist/ by package.json.
  const tsx = ['--import', 'tsx', `examples/${file}.ts`, ...args];
  const options = {
    cwd: root,
    timeout: TIMEOUT_MS,
    env: { ...env, TSX_TSCONFIG_PATH: 'examples/tsconfig.built.json' },
  };
  const output = await promisify(execFile)(process.execPath, tsx, options).then(
    ({ stdout }) => ({ stdout, error: null }),
    (error: Error & { stdout: string; stderr: string }) => ({
      stdout: error.stdout,
      error: error.stderr || error.message,
    }),
  );
  if (output.error !== null) return `${output.stdout}\n${output.error}`.trim();
  return prints.test(output.stdout) ? null : `does not print ${prints}:\n${output.stdout.trim()}`;
}

async function databaseFor(label: string): Promise<string> {
  const known = databases.get(label);
  if (known !== undefined) return known;
  const name = `macro_store_example_${label}_${process.pid}`;
  await createDatabase(services.postgres.url, { name });
  databases.set(label, name);
  return name;
}
