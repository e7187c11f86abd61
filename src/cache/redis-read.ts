import type { RedisClient } from '../redis/redis-client.js';
import { defineScript, runScript } from '../redis/redis-script.js';

export interface RedisEntry {
  readonly payload: string;
  /** What is left of its life; `Infinity` for a key somebody stored without one. */
  readonly remainingMs: number;
}

// Value and remaining life of one moment, in one trip. `pcall`: a key of another type is a miss, not an
// error that hides the others.
const READ = defineScript(`local found = {}
for i, key in ipairs(KEYS) do
  found[2 * i - 1] = redis.pcall('GET', key)
  found[2 * i] = redis.call('PTTL', key)
end
return found`);

/** Payload and remaining life of each name, in one trip; `undefined` where there is none. */
export async function readEntries(
  client: RedisClient,
  names: readonly string[],
): Promise<readonly (RedisEntry | undefined)[]> {
  // In a cluster a script's keys must share a slot; one trip each then, all at once.
  const groups = client.isCluster ? names.map((name) => [name]) : [names];
  const answers = await Promise.all(
    groups.map((group) => runScript(client, READ, group) as Promise<unknown[]>),
  );
  const flat = answers.flat();
  return names.map((_, index) => toEntry(flat[2 * index], Number(flat[2 * index + 1])));
}

function toEntry(payload: unknown, remainingMs: number): RedisEntry | undefined {
  if (typeof payload !== 'string') return undefined;
  return { payload, remainingMs: remainingMs < 0 ? Infinity : remainingMs };
}
