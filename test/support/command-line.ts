import { spawn } from 'node:child_process';
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
  return startPiped(args, env).ended;
}

export interface RunningProgram {
  readonly ended: Promise<Ended>;
  /** Resolves once it has written this to stderr. */
  hasWritten(text: string): Promise<void>;
  /** Ctrl-C, or another signal. */
  interrupt(signal?: NodeJS.Signals): void;
  /** Closes the pipe of stdout, as `head` does. */
  stopReading(): void;
}

export function startPiped(args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningProgram {
  return startProcess(process.execPath, ['--import', TSX, MAIN, ...args], env);
}

/** The program on a terminal of 100 columns, where stdout and stderr are one. */
export function runInTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const words = [process.execPath, '--import', TSX, MAIN, ...args].map(
    (word) => `'${word.replaceAll("'", "'\\''")}'`,
  );
  return startProcess('script', ['-qefc', `stty cols 100; exec ${words.join(' ')}`, '/dev/null'], env).ended;
}

function startProcess(command: string, args: readonly string[], env: NodeJS.ProcessEnv): RunningProgram {
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...rest } = process.env;
  const child = spawn(command, [...args], {
    cwd: tmpdir(),
    env: { ...rest, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode: exitCode ?? -1, ...written }));
  });
  return {
    ended,
    hasWritten: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (written.stderr.includes(text)) resolve();
        };
        look();
        child.stderr.on('data', look);
        ended.then(() => reject(new Error(`it ended without writing ${text}: ${written.stderr}`)), reject);
      }),
    interrupt: (signal = 'SIGINT') => void child.kill(signal),
    stopReading: () => void child.stdout.destroy(),
  };
}
