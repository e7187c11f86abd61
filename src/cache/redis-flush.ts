import { deleteAll, type RedisClient, serversOf } from '../redis/redis-client.js';
import type { RedisLink } from '../redis/redis-link.js';
import { escapeGlob, type RedisNames } from './redis-names.js';

const SCAN_COUNT = 500;

/**
 * Deletes every key of the cache, a step at a time with a deadline each. `false`: a step failed.
 *
 * SCAN and not KEYS, which would stop the server for the whole of it. It looks at every key of the
 * database once: the price of not knowing which are outdated.
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
  // ioredis puts its own prefix before keys, but neither before a pattern nor away from SCAN's answer.
  const clientPrefix = client.options.keyPrefix ?? '';
  const [next, found] = await server.scan(
    cursor,
    'MATCH',
    escapeGlob(clientPrefix) + names.pattern,
    'COUNT',
    SCAN_COUNT,
  );
  await deleteAll(
    client,
    found.map((name) => name.slice(clientPrefix.length)),
  );
  return next;
}
