import { createHash } from 'node:crypto';
import type { RedisClient } from './redis-client.js';

export interface RedisEntry {
  readonly payload: string;
  /** What is left of its life; `Infinity` for a key somebody stored without one. */
  readonly remainingMs: number;
}

// Value and remaining life of one moment, in one trip. `pcall`: a key of another type is a miss, not an
// error that hides the others.
const READ_SCRIPT = `local found = {}
for i, key in ipairs(KEYS) do
  found[2 * i - 1] = redis.pcall('GET', key)
  found[2 * i] = redis.call('PTTL', key)
end
return found`;
const READ_HASH = createHash('sha1').update(READ_SCRIPT).digest('hex');

/** Payload and remaining life of each name, in one trip; `undefined` where there is none. */
export async function readEntries(
  client: RedisClient,
  names: readonly string[],
): Promise<readonly (RedisEntry | undefined)[]> {
  // In a cluster a script's keys must share a slot; one trip each then, all at once.
  const groups = client.isCluster ? names.map((name) => [name]) : [names];
  const answers = await Promise.all(groups.map((group) => runReadScript(client, group)));
  const flat = answers.flat();
  return names.map((_, index) => toEntry(flat[2 * index], Number(flat[2 * index + 1])));
}

function toEntry(payload: unknown, remainingMs: number): RedisEntry | undefined {
  if (typeof payload !== 'string') return undefined;
  return { payload, remainingMs: remainingMs < 0 ? Infinity : remainingMs };
}

async function runReadScript(client: RedisClient, names: readonly string[]): Promise<unknown[]> {
  try {
    return (await client.evalsha(READ_HASH, names.length, ...names)) as unknown[];
  } catch (error) {
    // A server that has not seen the script, or has forgotten it in a restart. EVAL brings it along.
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return (await client.eval(READ_SCRIPT, names.length, ...names)) as unknown[];
  }
}
