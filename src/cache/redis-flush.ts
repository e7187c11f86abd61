import { deleteAll, type RedisClient, serversOf } from '../redis/redis-client.js';
import type { RedisLink } from '../redis/redis-link.js';
import { scanStep } from '../redis/scan-keys.js';
import type { RedisNames } from './redis-names.js';

/**
 * Deletes every key of the cache, a step at a time with a deadline each. `false`: a step failed.
 *
 * It looks at every key of the database once: the price of not knowing which are outdated.
 */
export async function flushCache(link: RedisLink, names: RedisNames): Promise<boolean> {
  const servers = await link.attempt(async (client) => serversOf(client));
  if (servers.kind !== 'answer') return false;
  for (const server of servers.value) {
    let cursor = '0';
    do {
      const step = await link.attempt((client) => flushStep(client, server, names, cursor));
      if (step.kind !== 'answer') return false;
      cursor = step.value;
    } while (cursor !== '0');
  }
  return true;
}

async function flushStep(
  client: RedisClient,
  server: RedisClient,
  names: RedisNames,
  cursor: string,
): Promise<string> {
  const { next, keys } = await scanStep(client, server, names.pattern, cursor);
  await deleteAll(client, keys);
  return next;
}
