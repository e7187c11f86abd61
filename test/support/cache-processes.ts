import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CacheOrder } from './cache-worker.js';

/** A process of its own with a cache of its own. */
export interface CacheProcess {
  readonly pid: number;
  ask(order: CacheOrder): Promise<unknown>;
  /** Until it is inside the loader of a key. */
  whenLoading(key: string): Promise<void>;
  kill(): void;
}

const WORKER = fileURLToPath(new URL('./cache-worker.ts', import.meta.url));

export async function startCacheProcess(
  url: string,
  keyPrefix: string,
  commandTimeoutMs = 2_000,
): Promise<CacheProcess> {
  const child: ChildProcess = fork(WORKER, [url, keyPrefix, `${commandTimeoutMs}`], {
    execArgv: ['--import', 'tsx'],
  });
  const waiting = new Map<number, (answer: unknown) => void>();
  const loading = new Map<string, () => void>();
  child.on('message', (message: { id?: number; answer?: unknown; loading?: string }) => {
    if (message.loading !== undefined) loading.get(message.loading)?.();
    if (message.id === undefined) return;
    waiting.get(message.id)?.(message.answer);
    waiting.delete(message.id);
  });
  let lastId = 0;
  await new Promise((resolve, reject) => {
    waiting.set(0, resolve);
    child.on('exit', (code) => reject(new Error(`a cache process ended with ${code}`)));
  });
  return {
    pid: child.pid ?? 0,
    ask(order) {
      lastId += 1;
      const id = lastId;
      const answer = new Promise<unknown>((resolve) => waiting.set(id, resolve));
      child.send({ id, order });
      return answer;
    },
    whenLoading: (key) => new Promise((resolve) => loading.set(key, resolve)),
    kill: () => void child.kill('SIGKILL'),
  };
}
