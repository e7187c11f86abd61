import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** `ended`: the process ended, or was ended at its deadline, before it had a result. */
export type AloneRun<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'ended'; readonly why: string };

/** Runs a file in a process of its own, for what others do not survive; it hands back its result by {@link handBack}. */
export function runAlone<Result>(
  file: URL,
  args: readonly string[],
  deadlineMs: number,
): Promise<AloneRun<Result>> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(file), args, {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let run: AloneRun<Result> | null = null;
    let errors = '';
    const timer = setTimeout(() => {
      run = { kind: 'ended', why: 'it took too long' };
      child.kill('SIGKILL');
    }, deadlineMs);
    child.stderr?.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('message', (result) => {
      run = { kind: 'done', result: result as Result };
    });
    child.on('error', reject);
    child.on('exit', () => {
      clearTimeout(timer);
      resolve(run ?? { kind: 'ended', why: /^\w*Error.*: (.*)$/m.exec(errors)?.[1] ?? errors.slice(-2_000) });
    });
  });
}

/** Ends this process with its result. */
export function handBack(result: unknown): void {
  if (process.send === undefined) throw new Error('nobody waits for the result');
  process.send(result, () => process.exit());
}
