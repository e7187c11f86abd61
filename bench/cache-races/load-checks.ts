import { setTimeout as sleep } from 'node:timers/promises';
import { callInProcesses, startCaller } from './caller-run.js';
import type { Check } from './check.js';
import { Source } from './source.js';

const CALLERS = 50;
const PROCESSES = 4;
const LOAD_MS = 100;

export const loadChecks: readonly Check[] = [
  {
    name: 'cold key, 200 callers: 1 load',
    async run({ open }) {
      const source = new Source(LOAD_MS);
      const cache = await open(source);
      await Promise.all(Array.from({ length: 200 }, () => cache.read('key')));
      return source.loads === 1 ? null : `${source.loads} loads`;
    },
  },
  {
    name: 'cold key, 4 processes × 50 callers: 1 load',
    isHeavy: true,
    async run({ kind, redis }) {
      const calls = { kind: kind.name, redisUrl: redis.url, callers: CALLERS, loadMs: LOAD_MS, fails: false };
      const { loads, values } = await callInProcesses(PROCESSES, calls);
      if (values !== PROCESSES * CALLERS) return `${values} of ${PROCESSES * CALLERS} callers got it`;
      return loads === 1 ? null : `${loads} loads`;
    },
  },
  {
    name: 'loader throws, 50 callers: 1 load, each gets the failure',
    async run({ open }) {
      const source = new Source(20);
      source.failWith(new Error('as it should'));
      const cache = await open(source);
      const calls = await Promise.allSettled(Array.from({ length: CALLERS }, () => cache.read('key')));
      const failed = calls.filter(({ status }) => status === 'rejected').length;
      if (source.loads > 1) return `${source.loads} loads`;
      return failed === CALLERS ? null : `${CALLERS - failed} got no failure`;
    },
  },
  {
    name: 'loader throws, 4 processes × 50 callers: 1 load',
    isHeavy: true,
    async run({ kind, redis }) {
      const calls = { kind: kind.name, redisUrl: redis.url, callers: CALLERS, loadMs: LOAD_MS, fails: true };
      const { loads, failures } = await callInProcesses(PROCESSES, calls);
      if (loads !== 1) return `${loads} loads`;
      return failures === PROCESSES * CALLERS ? null : `${PROCESSES * CALLERS - failures} got no failure`;
    },
  },
  {
    name: 'loads that fail are never two at once',
    async run({ open }) {
      const source = new Source(20);
      source.failWith(new Error('as it should'));
      const cache = await open(source);
      const calls: Promise<unknown>[] = [];
      for (let call = 0; call < 80; call += 1) {
        calls.push(cache.read('key').catch(() => {}));
        await sleep(5);
      }
      await Promise.all(calls);
      return source.mostAtOnce === 1 ? null : `${source.mostAtOnce} at once`;
    },
  },
  {
    name: 'process killed while it loads: the next one does within 4 s',
    isHeavy: true,
    async run({ kind, open, redis }) {
      const calls = { kind: kind.name, redisUrl: redis.url, callers: 1, loadMs: 60_000, fails: false };
      const caller = await startCaller(calls);
      caller.go();
      await sleep(500);
      caller.kill();
      const source = new Source();
      const cache = await open(source);
      const startedAt = performance.now();
      await cache.read('key');
      const ms = performance.now() - startedAt;
      return ms <= 4_000 ? null : `after ${Math.round(ms)} ms`;
    },
  },
];
