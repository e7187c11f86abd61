import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { chown, mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const DIRECTORY_PREFIX = 'macro-store-';

export interface Account {
  uid: number;
  gid: number;
}

export interface ServerProcessOptions {
  command: string;
  args: string[];
  logFile: string;
  account?: Account | undefined;
  /** Sent by the kernel when this process dies by whatever cause, and by us when it exits. */
  deathSignal: 'SIGQUIT' | 'SIGKILL';
}

/** Starts a server that does not outlive this process. Its output goes to `logFile`. */
export function startServerProcess({
  command,
  args,
  logFile,
  account,
  deathSignal,
}: ServerProcessOptions): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    const wrapper = dropPrivilegesAndDieWithParent(account, deathSignal);
    const [file, ...rest] = [...wrapper, command, ...args];
    const child = spawn(file ?? command, rest, {
      stdio: ['ignore', log, log],
      // With a wrapper the wrapper changes the user; a second change would clear the death signal.
      ...(account && wrapper.length === 0 ? account : {}),
    });
    child.on('error', () => {});
    const killAtExit = () => child.kill(deathSignal);
    process.on('exit', killAtExit);
    child.once('exit', () => process.off('exit', killAtExit));
    return child;
  } finally {
    closeSync(log);
  }
}

let knowsDeathSignal: boolean | undefined;

// `setpriv` asks Linux to signal the server when we die, even by SIGKILL. Elsewhere the exit handler has to do.
function dropPrivilegesAndDieWithParent(account: Account | undefined, deathSignal: string): string[] {
  knowsDeathSignal ??=
    spawnSync('setpriv', ['--pdeathsig', 'SIGKILL', 'true'], { stdio: 'ignore' }).status === 0;
  if (!knowsDeathSignal) return [];
  const user = account ? ['--reuid', `${account.uid}`, '--regid', `${account.gid}`, '--clear-groups'] : [];
  return ['setpriv', '--pdeathsig', deathSignal, ...user, '--'];
}

/** PostgreSQL and PgBouncer refuse to run as root: the account to run them as, or none when we are not root. */
export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
    try {
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // no such account: try the next
    }
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is neither a "postgres" nor a "nobody" account to run it as',
  );
}

/** A new directory below the system's temporary one. Removes those that dead runs left behind. */
export async function createServerDirectory(account?: Account): Promise<string> {
  removeDirectoriesOfDeadRuns();
  const directory = await mkdtemp(join(tmpdir(), `${DIRECTORY_PREFIX}${process.pid}-`));
  if (account) await chown(directory, account.uid, account.gid);
  return directory;
}

export function removeServerDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

function removeDirectoriesOfDeadRuns(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = new RegExp(`^${DIRECTORY_PREFIX}(\\d+)-`).exec(name) ?? [];
    if (!pid || isAlive(Number(pid))) continue;
    try {
      removeServerDirectory(join(tmpdir(), name));
    } catch {
      // another user's, or being removed by a run that started with us
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * A free port outside the range the system takes client ports from. Inside it, a client that retries
 * a stopped server can be given the server's port and connect to itself.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Polls `isReady` until it resolves; fails with the log's last lines when the server ends or takes 30 s. */
export async function waitUntilReady(
  child: ChildProcess,
  { name, logFile, isReady }: { name: string; logFile: string; isReady: () => Promise<unknown> },
): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    if (hasEnded(child)) throw new Error(`${name} ended while starting:\n${lastLines(logFile)}`);
    try {
      await isReady();
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`${name} was not ready within 30 s:\n${lastLines(logFile)}`, { cause: error });
      }
      await sleep(20);
    }
  }
}

export function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

export async function waitForEnd(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  await new Promise((resolve) => child.once('exit', resolve));
}

function lastLines(logFile: string): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}

/** Every process below `pid`, nearest first; zombies are left out. */
export function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const row of listProcesses()) children.set(row.parent, [...(children.get(row.parent) ?? []), row.pid]);
  const found = [...(children.get(pid) ?? [])];
  for (let at = 0; at < found.length; at += 1) found.push(...(children.get(found[at] ?? 0) ?? []));
  return found;
}

export function isRunning(pid: number): boolean {
  return listProcesses().some((row) => row.pid === pid);
}

// /proc first: slim container images have no `ps`.
function listProcesses(): { pid: number; parent: number }[] {
  const table = existsSync('/proc/self/stat')
    ? readProc()
    : execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' });
  return table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => !state?.startsWith('Z'))
    .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }));
}

function readProc(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        // The command name is in brackets and may hold blanks: read from the last bracket on.
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return `${pid} ${parent} ${state}`;
      } catch {
        return `${pid} 0 Z`; // ended meanwhile
      }
    })
    .join('\n');
}

export function findOnPath(command: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return directories.map((directory) => join(directory, command)).find((file) => existsSync(file));
}
