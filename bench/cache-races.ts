import { COHERENT_KINDS, type KindName } from './cache/kinds.js';
import { STORE } from './cache/store-cache.js';
import type { CheckRun } from './cache-races/check-main.js';
import { CHECKS } from './cache-races/checks.js';
import { runAlone } from './harness/alone.js';
import { loadLibrary, loadPeer, versionOf } from './harness/environment.js';
import { say } from './harness/progress.js';
import type { Report } from './harness/report.js';

export const name = 'cache-races';

const MAIN = new URL('cache-races/check-main.ts', import.meta.url);
const DEADLINE_MS = 40_000;

export async function run(): Promise<Report> {
  await loadLibrary();
  // Installs the peers, before many processes do.
  await loadPeer('bentocache.ts');
  const results: Readonly<Record<string, string>>[] = [];
  for (const { name: check, isHeavy } of CHECKS) {
    say(check);
    const told = isHeavy ? await runOneByOne(check) : await Promise.all(COHERENT_KINDS.map(runOf(check)));
    results.push({ check, ...Object.fromEntries(told) });
  }
  return {
    suite: name,
    data: { checks: CHECKS.length },
    versions: {
      node: process.versions.node,
      ...Object.fromEntries(
        COHERENT_KINDS.filter((kind) => kind !== STORE).map((peer) => [peer, versionOf(peer, 'peers')]),
      ),
    },
    results,
    ratios: [],
    gates: results.map((row) => {
      const pass = row[STORE] === 'pass';
      return { name: row['check'] ?? '', value: pass ? 1 : 0, goal: '1', pass };
    }),
  };
}

type Told = readonly [kind: string, told: string];

async function runOneByOne(check: string): Promise<readonly Told[]> {
  const told: Told[] = [];
  for (const kind of COHERENT_KINDS) told.push(await runOf(check)(kind));
  return told;
}

/** In a process of its own: some caches do not survive some checks. */
const runOf =
  (check: string) =>
  async (kind: KindName): Promise<Told> => {
    const run = await runAlone<CheckRun>(MAIN, [kind, check], DEADLINE_MS);
    if (run.kind === 'ended') return [kind, `FAIL: the process ends: ${run.why}`];
    if (run.result === 'has no such call') return [kind, '–'];
    return [kind, run.result.finding === null ? 'pass' : `FAIL: ${run.result.finding}`];
  };
