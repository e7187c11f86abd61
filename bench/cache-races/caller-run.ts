import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What one process of several does, when told to go. */
export interface Calls {
  readonly kind: string;
  readonly redisUrl: string;
  /** Of one cold key, at once. */
  readonly callers: number;
  readonly loadMs: number;
  readonly fails: boolean;
}

export interface CallsMade {
  readonly loads: number;
  /** Callers that got the value, and those that got the failure. */
  readonly values: number;
  readonly failures: number;
  readonly slowestMs: number;
}

const FILE = fileURLToPath(new URL('caller-main.ts', import.meta.url));

/** Starts one and waits until it is connected. */
export async function startCaller(calls: Calls) {
  const child = fork(FILE, [JSON.stringify(calls)], { execArgv: ['--import', 'tsx'] });
  const ended = once(child, 'exit');
  await Promise.race([once(child, 'message'), ended.then(() => Promise.reject(new Error('a caller ended')))]);
  const made = once(child, 'message').then(([message]) => message as CallsMade);
  const madeOrEnded = Promise.race([made, ended.then(() => Promise.reject(new Error('a caller ended')))]);
  // Who kills it does not wait for it.
  madeOrEnded.catch(() => {});
  return {
    go: () => void child.send('go'),
    /** SIGKILL. */
    kill: () => void child.kill('SIGKILL'),
    made: madeOrEnded,
  };
}

/** So many processes at once, together. */
export async function callInProcesses(count: number, calls: Calls): Promise<CallsMade> {
  const callers = await Promise.all(Array.from({ length: count }, () => startCaller(calls)));
  for (const { go } of callers) go();
  const made = await Promise.all(callers.map((caller) => caller.made));
  for (const { kill } of callers) kill();
  const sum = (of: (one: CallsMade) => number) => made.reduce((total, one) => total + of(one), 0);
  return {
    loads: sum(({ loads }) => loads),
    values: sum(({ values }) => values),
    failures: sum(({ failures }) => failures),
    slowestMs: Math.max(...made.map(({ slowestMs }) => slowestMs)),
  };
}
