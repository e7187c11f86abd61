import type { OpenCache } from '../cache/cache-port.js';
import type { Ground } from './ground.js';
import { versionOf } from './source.js';

/** One race or fault, forced, and what must hold after it. */
export interface Check {
  readonly name: string;
  readonly needs?: 'tagged' | 'take';
  /** It starts processes of its own: the machine is to be left to one cache at a time. */
  readonly isHeavy?: true;
  /** What does not hold; `null` when all does. */
  run(ground: Ground): Promise<string | null>;
}

/** Whether reads by these caches give this version and no older one. */
export async function findOld(
  caches: readonly OpenCache[],
  version: number,
  read: (cache: OpenCache) => Promise<unknown> = (cache) => cache.read('key'),
): Promise<string | null> {
  const found = await Promise.all(caches.map(async (cache) => versionOf(await read(cache))));
  const wrong = found.find((one) => one !== version);
  if (found.every((one) => one === version)) return null;
  return wrong === undefined ? 'no value' : 'old value';
}

export function taggedCalls(cache: OpenCache): NonNullable<OpenCache['tagged']> {
  if (cache.tagged === undefined) throw new Error('a cache without tags');
  return cache.tagged;
}
