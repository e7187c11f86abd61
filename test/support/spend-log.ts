import { Redis } from 'ioredis';
import type { RedisServer } from './redis-server.js';
import { until } from './until.js';

/** Name without the prefix → when it was written, in microseconds by the server's clock, in that order. */
export type SpendLog = ReadonlyMap<string, readonly number[]>;

/** Notes each write of a script, as the servers themselves report it (MONITOR). */
export async function watchSpending(servers: readonly RedisServer[], keyPrefix: string) {
  const log = new Map<string, number[]>();
  const ended = new Set<Redis>();
  const watches = await Promise.all(
    servers.map(async ({ url }) => {
      const redis = new Redis(url);
      const monitor = await redis.monitor();
      monitor.on('monitor', (time: string, [command = '', name = '']: string[], source: string) => {
        if (command === 'ECHO' && name === keyPrefix) ended.add(redis);
        if (source !== 'lua' || command !== 'SET' || !name.startsWith(keyPrefix)) return;
        const [seconds = '', micros = ''] = time.split('.');
        const place = name.slice(keyPrefix.length);
        const times = log.get(place) ?? [];
        log.set(place, times);
        times.push(Number(seconds) * 1_000_000 + Number(micros));
      });
      return { redis, monitor };
    }),
  );
  return {
    async stop(): Promise<SpendLog> {
      // Seen in the log, it comes after everything before.
      for (const { redis } of watches) await redis.call('ECHO', keyPrefix);
      await until('the log is read to its end', () => ended.size === watches.length);
      for (const { redis, monitor } of watches) {
        monitor.disconnect();
        redis.disconnect();
      }
      return log;
    },
  };
}
