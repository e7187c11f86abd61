import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Surroundings } from '../../src/cli/command.js';
import { runCommandLine } from '../../src/cli/command-line.js';

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command line in this process, where no configuration file is. */
export async function runLine(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  surroundings: Partial<Pick<Surroundings, 'directory' | 'now' | 'signal'>> = {},
): Promise<Ended> {
  const written = { stdout: '', stderr: '' };
  const exitCode = await runCommandLine(args, {
    env,
    directory: tmpdir(),
    now: Date.now,
    ...surroundings,
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
  });
  return { exitCode, ...written };
}

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

/** The program as a process whose output goes to a pipe. */
export function runPiped(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return runProcess(process.execPath, ['--import', TSX, MAIN, ...args], env);
}

/** The program on a terminal of 100 columns, where stdout and stderr are one. */
export function runInTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const words = [process.execPath, '--import', TSX, MAIN, ...args].map(
    (word) => `'${word.replaceAll("'", "'\\''")}'`,
  );
  return runProcess('script', ['-qefc', `stty cols 100; exec ${words.join(' ')}`, '/dev/null'], env);
}

function runProcess(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...rest } = process.env;
  return new Promise((resolve) => {
    const options = { cwd: tmpdir(), env: { ...rest, ...env } };
    const child = execFile(command, [...args], options, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr }),
    );
    child.stdin?.end();
  });
}
