import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** The commands that clients send under a prefix while something runs; those of scripts are not counted. */
export async function sentCommands(
  redisUrl: string,
  prefix: string,
  work: () => Promise<unknown>,
): Promise<readonly string[]> {
  const redis = new Redis(redisUrl);
  const monitor = await redis.monitor();
  const seen: string[] = [];
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source !== 'lua' && args.some((arg) => arg.includes(prefix))) seen.push(args[0] ?? '');
  });
  await work();
  // What the monitor tells comes on a connection of its own.
  await redis.get(`${prefix}end`);
  while (seen.at(-1) !== 'get' && seen.at(-1) !== 'GET') await sleep(5);
  monitor.disconnect();
  redis.disconnect();
  return seen.slice(0, -1);
}
