import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { printReport, type Report, writeReport } from './harness/report.js';

interface Suite {
  readonly name: string;
  run(options: SuiteOptions): Promise<Report>;
  /** File name → drawing of a report. */
  plots?(report: Report): ReadonlyMap<string, string>;
}

interface SuiteOptions {
  readonly full: boolean;
  readonly sample: boolean;
}

const SUITES: Readonly<Record<string, { about: string; load(): Promise<Suite> }>> = {
  crud: {
    about: 'repositories against raw pg, Drizzle by hand and Mastra',
    load: () => import('./crud.js'),
  },
  ingest: {
    about: 'loads of vectors against LangChain, text and the server itself, without HNSW and with it',
    load: () => import('./ingest.js'),
  },
  search: {
    about: 'searches by users of every size against what one would use instead',
    load: () => import('./search.js'),
  },
  limits: {
    about: 'rate limits against raw EVALSHA, rate-limiter-flexible and @upstash/ratelimit, with checks',
    load: () => import('./limits.js'),
  },
  sessions: {
    about: 'sessions against connect-redis and better-auth: what races do to them, and how fast they are',
    load: () => import('./sessions.js'),
  },
  cache: {
    about:
      'what a cached read costs, and what becomes of it when Redis is gone, against what one would use instead',
    load: () => import('./cache.js'),
  },
  telemetry: {
    about: 'what it costs a read to be counted, timed and traced',
    load: () => import('./telemetry.js'),
  },
  'cache-races': {
    about: 'what becomes of a cache under each race and fault, against what one would use instead',
    load: () => import('./cache-races.js'),
  },
  backup: {
    about: 'the memory that a backup takes, with --full for a dump of 5 GiB',
    load: () => import('./backup.js'),
  },
  'migration-lock': {
    about: 'how long readers wait while a migration alters their table',
    load: () => import('./migration-lock.js'),
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    gate: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    sample: { type: 'boolean', default: false },
    from: { type: 'string' },
    plots: { type: 'string' },
  },
});
const [name] = positionals;
const suite = name === undefined ? undefined : SUITES[name];

if (suite === undefined) {
  console.log(
    'npm run bench -- <suite> [--json FILE] [--gate] [--full] [--sample] [--plots DIR] [--from FILE]\n',
  );
  for (const [suiteName, { about }] of Object.entries(SUITES))
    console.log(`  ${suiteName.padEnd(16)} ${about}`);
  console.log('\n--gate: exit code 1 where a goal is missed');
  console.log('--full: as many calls as the goals speak of, where a run makes fewer');
  console.log('--sample: the data of the repository, also where there is more');
  console.log('--plots: draw the report; --from: the one of that file, without a run');
  process.exitCode = name === undefined ? 0 : 2;
} else {
  const { run, plots } = await suite.load();
  const report =
    values.from === undefined
      ? await run({ full: values.full, sample: values.sample })
      : (JSON.parse(await readFile(values.from, 'utf8')) as Report);
  printReport(report);
  if (values.json !== undefined) await writeReport(values.json, report);
  if (values.plots !== undefined) {
    for (const [file, drawing] of plots?.(report) ?? []) await writeFile(join(values.plots, file), drawing);
  }
  if (values.gate && report.gates.some(({ pass }) => !pass)) process.exitCode = 1;
}
