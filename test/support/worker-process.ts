import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import type { WorkerInput, WorkerOutput } from './migration-worker.js';
import { waitForEnd } from './server-process.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Worker<Output> {
  readonly process: ChildProcess;
  /** What it reported, or `null` when it died before. */
  readonly output: Promise<Output | null>;
}

export const buildMigrationWorker = () => buildWorker<WorkerInput, WorkerOutput>('migration-worker.ts');

/** Bundles a worker of this folder once, so that each of many processes starts in the time of plain Node. */
export async function buildWorker<Input extends object, Output>(source: string) {
  // Inside the package, where Node finds its dependencies.
  await mkdir(join(ROOT, 'temp'), { recursive: true });
  const directory = await mkdtemp(join(ROOT, 'temp', 'worker-'));
  await build({
    config: false,
    entry: { worker: fileURLToPath(new URL(source, import.meta.url)) },
    outDir: directory,
    format: 'esm',
    target: 'node20',
    outExtension: () => ({ js: '.mjs' }),
    silent: true,
    clean: false,
  });
  return {
    start: (input: Input): Worker<Output> => start(join(directory, 'worker.mjs'), input),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Starts so many processes and lets them go at once, when the last of them is ready. */
export async function startTogether<Output>(
  count: number,
  startOne: () => Worker<Output>,
): Promise<(Output | null)[]> {
  const workers = Array.from({ length: count }, startOne);
  await Promise.all(workers.map(({ process }) => once(process, 'message')));
  for (const { process } of workers) process.send('go');
  return Promise.all(workers.map(({ output }) => output));
}

function start<Output>(file: string, input: object): Worker<Output> {
  const child = fork(file, [JSON.stringify(input)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
  });
  let reported: Output | null = null;
  child.on('message', (message: Output | 'ready') => {
    if (message !== 'ready') reported = message;
  });
  return { process: child, output: waitForEnd(child).then(() => reported) };
}
