import type { InputIssue } from '../errors.js';
import { keyIssue } from './cache-key.js';
import type { CacheSetOptions } from './cache-service.js';
import { DEFAULT_TTL_SECONDS, ttlIssue } from './time-to-live.js';

const MAX_KEYS = 1000;

/** The seconds a value is to live, with the default filled in and nothing checked. */
export function ttlSecondsOf(options: CacheSetOptions | undefined): number {
  return options?.ttlSeconds ?? DEFAULT_TTL_SECONDS;
}

export function keyIssues(key: unknown): InputIssue[] {
  return [keyIssue(key)].filter((issue) => issue !== undefined);
}

export function storeIssues(key: unknown, options: CacheSetOptions | undefined): InputIssue[] {
  return [keyIssue(key), ttlIssue(ttlSecondsOf(options))].filter((issue) => issue !== undefined);
}

export function manyKeysIssues(keys: readonly unknown[]): InputIssue[] {
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) {
    return [{ path: 'keys', message: `must be an array of at most ${MAX_KEYS} keys` }];
  }
  return keys.map((key, index) => keyIssue(key, `keys.${index}`)).filter((issue) => issue !== undefined);
}
