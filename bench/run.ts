import { parseArgs } from 'node:util';
import { printReport, type Report, writeReport } from './harness/report.js';

interface Suite {
  readonly name: string;
  run(): Promise<Report>;
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
  'migration-lock': {
    about: 'how long readers wait while a migration alters their table',
    load: () => import('./migration-lock.js'),
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, gate: { type: 'boolean', default: false } },
});
const [name] = positionals;
const suite = name === undefined ? undefined : SUITES[name];

if (suite === undefined) {
  console.log('npm run bench -- <suite> [--json FILE] [--gate]\n');
  for (const [suiteName, { about }] of Object.entries(SUITES))
    console.log(`  ${suiteName.padEnd(16)} ${about}`);
  console.log('\n--gate: exit code 1 where a goal is missed');
  process.exitCode = name === undefined ? 0 : 2;
} else {
  const { run } = await suite.load();
  const report = await run();
  printReport(report);
  if (values.json !== undefined) await writeReport(values.json, report);
  if (values.gate && report.gates.some(({ pass }) => !pass)) process.exitCode = 1;
}
