import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What an import does to the process that runs it. */
export interface ProcessRun {
  readonly rows: number;
  /** Reached by the heap, the most of it garbage: how much depends on when V8 finds time to collect. */
  readonly peakHeapMb: number;
  /** Held on to: the most that was left of the heap after a full collection, during the import. */
  readonly heldHeapMb: number;
  /** Buffers, which are outside of the heap. */
  readonly peakExternalMb: number;
  /** The longest that nothing else had its turn in the event loop, in the best of three imports. */
  readonly longestBlockMs: number;
}

const FILE = fileURLToPath(new URL('process-main.ts', import.meta.url));

/** Imports so many rows in a process of its own, so that nothing else is in the heap. */
export function runInProcess(databaseUrl: string, rows: number): Promise<ProcessRun> {
  return new Promise((resolve, reject) => {
    const child = fork(FILE, [databaseUrl, `${rows}`], { execArgv: ['--import', 'tsx', '--expose-gc'] });
    let run: ProcessRun | null = null;
    child.on('message', (message) => {
      run = message as ProcessRun;
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (run === null) reject(new Error(`the import of ${rows} rows ended with code ${code}`));
      else resolve(run);
    });
  });
}
