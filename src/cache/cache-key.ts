import type { InputIssue } from '../errors.js';

/** The longest key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;

/** Why a key is refused, or `undefined` for a good one. */
export function keyIssue(key: unknown, path = 'key'): InputIssue | undefined {
  if (typeof key !== 'string' || key === '') return { path, message: 'must be a non-empty string' };
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    return { path, message: `must be at most ${MAX_KEY_BYTES} bytes` };
  // Half a surrogate pair has no UTF-8: all of them become U+FFFD, so two keys would share one value.
  if (/\p{Surrogate}/u.test(key)) return { path, message: 'must be well-formed Unicode' };
  return undefined;
}

/**
 * The name of a key in Redis; different keys have different names.
 *
 * A later namespace must not meet these names: `${keyPrefix}cache@${name.length}:${name}:${key}` cannot,
 * since it differs after `cache`, and its length keeps `a` + `b:c` and `a:b` + `c` apart.
 */
export function redisKey(keyPrefix: string, key: string): string {
  return `${keyPrefix}cache:${key}`;
}

/** A glob pattern that fits the names of all keys of the cache and no others. */
export function redisKeyPattern(keyPrefix: string): string {
  return `${keyPrefix.replace(/[\\*?[\]^-]/g, '\\$&')}cache:*`;
}
