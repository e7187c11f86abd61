import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { connectionSettings } from '../src/database/connection-settings.js';
import { connectDedicated } from '../src/database/dedicated-connection.js';
import { parseMigration } from '../src/migrations/migration.js';
import { MIGRATING, runMigrations } from '../src/migrations/runner.js';
import { openEnvironment } from './harness/environment.js';
import type { Report } from './harness/report.js';

/** How long readers wait while a migration alters a table that somebody is reading. */
export const name = 'migration-lock';

const LOCK_TIMEOUT_MS = 100;
const GOAL_MS = LOCK_TIMEOUT_MS + 50;
const READER_MS = 5_000;
const ROUNDS = 3;
const ALTER = 'alter table note add column extra text';

interface Sample {
  readonly name: string;
  readonly reads: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  readonly tries: number;
  readonly alteredAfterMs: number;
}

async function open(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** One reader holds the table for five seconds, another reads on and on, and `alter` comes in between. */
async function measure(name: string, url: string, alter: () => Promise<number>): Promise<Sample> {
  const [holder, reader] = [await open(url), await open(url)];
  await holder.query('drop table if exists note; create table note as select 1 as id');
  await holder.query('begin');
  await holder.query('select * from note');

  const waits: number[] = [];
  let isOver = false;
  const reading = (async () => {
    while (!isOver) {
      const started = performance.now();
      await reader.query('select * from note');
      waits.push(performance.now() - started);
      await sleep(1);
    }
  })();
  const started = performance.now();
  const altering = alter().then((tries) => ({ tries, alteredAfterMs: performance.now() - started }));
  await sleep(READER_MS);
  await holder.query('commit');
  const { tries, alteredAfterMs } = await altering;
  isOver = true;
  await reading;
  await Promise.all([holder.end(), reader.end()]);

  const sorted = waits.sort((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
  return {
    name,
    reads: sorted.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    longestMs: at(1),
    tries,
    alteredAfterMs: round(alteredAfterMs),
  };
}

const round = (value: number) => Math.round(value * 100) / 100;

async function alterPlainly(url: string): Promise<number> {
  const client = await open(url);
  await client.query(ALTER);
  await client.end();
  return 1;
}

async function alterByRunner(url: string): Promise<number> {
  let tries = 1;
  const result = await runMigrations(
    () => connectDedicated(connectionSettings(url, undefined), MIGRATING),
    [parseMigration('0000_note', `${ALTER};`)],
    { dimensions: 1536, column: 'vector' },
    {
      lockTimeoutMs: LOCK_TIMEOUT_MS,
      onProgress: (event) => {
        if (event.type === 'retrying') tries += 1;
      },
    },
  );
  if (result.isErr()) throw result.error;
  return tries;
}

export async function run(): Promise<Report> {
  await using environment = await openEnvironment();
  const url = environment.databaseUrl;
  const plain = await measure('plain ALTER TABLE', url, () => alterPlainly(url));
  const ours: Sample[] = [];
  for (let at = 1; at <= ROUNDS; at += 1) {
    await clearLedger(url);
    ours.push(await measure(`migrate(), run ${at}`, url, () => alterByRunner(url)));
  }
  const longestMs = Math.max(...ours.map((sample) => sample.longestMs));
  return {
    suite: name,
    data: { readerMs: READER_MS, lockTimeoutMs: LOCK_TIMEOUT_MS, rounds: ROUNDS },
    versions: environment.versions,
    results: [plain, ...ours],
    ratios: [
      {
        operation: 'longest read',
        of: 'plain',
        to: 'migrate()',
        best: plain.longestMs / longestMs,
        rounds: ours.map((sample) => plain.longestMs / sample.longestMs),
      },
    ],
    gates: [
      {
        name: 'longest wait of a read, ms',
        value: longestMs,
        goal: `≤ ${GOAL_MS}`,
        pass: longestMs <= GOAL_MS,
      },
    ],
  };
}

async function clearLedger(url: string): Promise<void> {
  const client = await open(url);
  await client.query('drop table if exists macro_store_migrations');
  await client.end();
}
