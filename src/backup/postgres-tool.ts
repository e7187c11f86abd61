import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { backupRefused } from './backup-failure.js';

/** Enough to see what went wrong. */
const KEPT_STDERR_BYTES = 8 * 1024;
/** A tool that does not end by SIGTERM is killed. */
const KILL_AFTER_MS = 5_000;

export type ToolName = 'pg_dump' | 'pg_restore';

/** A program of PostgreSQL that was found, with its version. */
export interface PostgresTool {
  readonly name: ToolName;
  readonly path: string;
  readonly version: string;
}

export interface ToolEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it said: for a debugger, it may name values. */
  readonly stderr: string;
}

/** A program that runs, or has ended. */
export interface RunningTool {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly ended: Promise<ToolEnd>;
  /** Asks it to end, and kills it when it does not; resolves when it has ended. */
  stop(): Promise<void>;
}

/** Finds the program, and refuses one older than the server: it would not know what to dump. */
export async function findTool(
  operation: string,
  name: ToolName,
  { binDirectory, serverMajor }: { readonly binDirectory: string | null; readonly serverMajor: number },
): Promise<PostgresTool> {
  const path = binDirectory === null ? name : join(binDirectory, name);
  let stdout: string;
  try {
    ({ stdout } = await promisify(execFile)(path, ['--version']));
  } catch (cause) {
    const message =
      `${name} could not be started; install the client programs of PostgreSQL ${serverMajor} or newer ` +
      `(Debian: postgresql-client-${serverMajor}), or set pgBinDirectory`;
    throw backupRefused(operation, 'tool-missing', message, cause);
  }
  const version = /\d+(\.\d+)*/.exec(stdout)?.[0] ?? '0';
  if (Number.parseInt(version, 10) < serverMajor) {
    const message = `${name} ${version} is older than the server; install that of PostgreSQL ${serverMajor} or newer, or set pgBinDirectory`;
    throw backupRefused(operation, 'tool-too-old', message);
  }
  return { name, path, version };
}

/** Starts it without a shell. `signal` stops it. */
export function startTool(
  { path }: PostgresTool,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): RunningTool {
  const child = spawn(path, args, { env, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true });
  const ended = endOf(child);
  ended.catch(() => undefined); // is awaited later
  child.stdin.on('error', () => undefined); // it ended before it had read all: its exit code tells
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      await once(child, 'exit');
      clearTimeout(timer);
    }
    // Somebody else may hold its pipes open; nobody here reads them any more.
    child.stdout.destroy();
    child.stderr.destroy();
    child.stdin.destroy();
  };
  const onAbort = () => void stop();
  signal.addEventListener('abort', onAbort, { once: true });
  void ended.catch(() => undefined).then(() => signal.removeEventListener('abort', onAbort));
  if (signal.aborted) onAbort();
  return { stdin: child.stdin, stdout: child.stdout, ended, stop };
}

function endOf(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<ToolEnd> {
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-KEPT_STDERR_BYTES);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stderr }));
  });
}

/** For messages: how it ended. */
export function howItEnded({ code, signal }: ToolEnd): string {
  return signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
}
