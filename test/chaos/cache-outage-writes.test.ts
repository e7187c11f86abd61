import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheStats } from '../../src/cache/cache-stats.js';
import { aKeyPrefix } from '../contract/cache-kit.js';
import { type CacheProcess, startCacheProcess } from '../support/cache-processes.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';

const DEADLINE_MS = 250;
const KEYS = Array.from({ length: 30 }, (_, index) => `key${index}`);

let server: RedisServer;
let processes: CacheProcess[];

beforeEach(async () => {
  // Kept over a restart: a Redis that forgets all has nothing stale.
  server = await startRedisServer({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const keyPrefix = aKeyPrefix();
  processes = await Promise.all([1, 2, 3].map(() => startCacheProcess(server.url, keyPrefix, DEADLINE_MS)));
});
afterEach(async () => {
  server.continueProcess();
  for (const one of processes) one.kill();
  await server.stop();
});

const processAt = (index: number): CacheProcess => {
  const found = processes[index % processes.length];
  if (found === undefined) throw new Error('no such process');
  return found;
};
const statsOf = async (one: CacheProcess) => (await one.ask({ kind: 'stats', key: '' })) as CacheStats;

describe.each([
  ['hangs', async () => server.stopProcess(), async () => server.continueProcess()],
  ['is killed', () => server.kill(), () => server.restart()],
] as const)('writes of three processes while Redis %s', (_, takeDown, bringBack) => {
  it('are followed by no stale read on any of them, a second after it is back', async () => {
    for (const key of [...KEYS, 'untouched']) {
      await processAt(0).ask({ kind: 'set', key, value: 'old' });
      for (const one of processes) expect(await one.ask({ kind: 'get', key })).toBe('old');
    }
    await takeDown();
    // Every process has to have missed it, or Redis would be back before anybody was without it.
    await vi.waitFor(async () => {
      for (const one of processes) {
        await one.ask({ kind: 'get', key: `unknown ${Math.random()}` });
        expect((await statsOf(one)).redis).toBe('down');
      }
    }, 10_000);
    const deleted = KEYS.filter((__, index) => index % 3 === 0);
    const written = KEYS.filter((__, index) => index % 3 === 1);
    const contested = KEYS.filter((__, index) => index % 3 === 2);
    for (const [index, key] of deleted.entries()) await processAt(index).ask({ kind: 'delete', key });
    for (const [index, key] of written.entries())
      await processAt(index).ask({ kind: 'set', key, value: 'newest' });
    for (const [index, key] of contested.entries()) {
      await processAt(index).ask({ kind: 'set', key, value: 'overwritten' });
      await processAt(index + 1).ask({ kind: 'set', key, value: 'newest' });
    }
    await bringBack();
    await vi.waitFor(
      async () => {
        for (const one of processes)
          expect(await statsOf(one)).toMatchObject({ redis: 'up', coherence: 'tracking' });
      },
      { timeout: 20_000, interval: 20 },
    );
    await sleep(1_000);

    // Redis still has what was not written, so that it could have given the others' old values too.
    for (const one of processes) expect(await one.ask({ kind: 'get', key: 'untouched' })).toBe('old');
    const stale: string[] = [];
    for (const key of KEYS) {
      // A miss comes as `undefined` from another process.
      const allowed = deleted.includes(key) ? [undefined] : [undefined, 'newest'];
      for (const [index, one] of processes.entries()) {
        const value = await one.ask({ kind: 'get', key });
        if (!allowed.includes(value as string | undefined)) stale.push(`process ${index}, ${key}: ${value}`);
      }
    }
    expect(stale).toEqual([]);
  });
});
