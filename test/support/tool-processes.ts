import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { descendantsOf } from './server-process.js';

/** The processes of this name that this one has started and that run. */
export function runningTools(name: 'pg_dump' | 'pg_restore'): readonly number[] {
  return descendantsOf(process.pid).filter((pid) => commandOf(pid) === name);
}

// /proc first: slim container images have no `ps`.
function commandOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return psCommandOf(pid);
  }
}

function psCommandOf(pid: number): string | null {
  try {
    return execFileSync('ps', ['-o', 'comm=', '-p', `${pid}`], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return null; // ended meanwhile
  }
}
