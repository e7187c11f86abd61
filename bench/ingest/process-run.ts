import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { HeapRun } from './heap-run.js';

const FILE = fileURLToPath(new URL('heap-run.ts', import.meta.url));

/** Imports so many rows in a process of its own, and tells what it took. */
export function runInProcess(databaseUrl: string, rows: number): Promise<HeapRun> {
  return new Promise((resolve, reject) => {
    const child = fork(FILE, [databaseUrl, `${rows}`], { execArgv: ['--import', 'tsx'] });
    let run: HeapRun | null = null;
    child.on('message', (message) => {
      run = message as HeapRun;
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (run === null) reject(new Error(`the import of ${rows} rows ended with code ${code}`));
      else resolve(run);
    });
  });
}
