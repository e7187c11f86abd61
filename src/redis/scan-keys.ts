import type { RedisClient } from './redis-client.js';

const SCAN_COUNT = 500;

/**
 * One step over the keys of a server that fit a glob pattern, which is without the client's own prefix, as the keys
 * are that it gives. A key may come twice; `next` is '0' after the last step.
 *
 * SCAN and not KEYS, which would stop the server for the whole of it.
 */
export async function scanStep(
  client: RedisClient,
  server: RedisClient,
  pattern: string,
  cursor: string,
): Promise<{ readonly next: string; readonly keys: readonly string[] }> {
  // ioredis puts its own prefix before keys, but neither before a pattern nor away from SCAN's answer.
  const clientPrefix = client.options.keyPrefix ?? '';
  const fitting = escapeGlob(clientPrefix) + pattern;
  const [next, names] = await server.scan(cursor, 'MATCH', fitting, 'COUNT', SCAN_COUNT);
  return { next, keys: names.map((name) => name.slice(clientPrefix.length)) };
}

/** The text as a glob pattern that fits it alone. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}
