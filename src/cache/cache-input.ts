import type { InputIssue } from '../errors.js';
import { keyIssue } from './cache-key.js';
import type { CacheNamespaceOptions } from './cache-options.js';
import { secondsProblem } from './time-to-live.js';

export const MAX_KEYS = 1000;
const MAX_TAGS = 32;
const MAX_TIMER_MS = 2_147_483_647;

export function keyIssues(key: unknown): InputIssue[] {
  return [keyIssue(key)].filter((issue) => issue !== undefined);
}

export function manyKeysIssues(keys: readonly unknown[]): InputIssue[] {
  return listIssues('keys', keys, MAX_KEYS);
}

export function tagsIssues(tags: readonly unknown[]): InputIssue[] {
  return listIssues('tags', tags, MAX_TAGS);
}

type Rule = (value: unknown) => string | undefined;

const seconds =
  (least: 'above 0' | 'from 0'): Rule =>
  (value) =>
    secondsProblem(value, least);

const between =
  (least: number, most: number): Rule =>
  (value) =>
    typeof value === 'number' && value >= least && value <= most
      ? undefined
      : `must be a number from ${least} to ${most}`;

const RULES: Readonly<Record<string, Rule>> = {
  ttlSeconds: seconds('above 0'),
  staleSeconds: seconds('from 0'),
  negativeTtlSeconds: seconds('above 0'),
  jitter: between(0, 1),
  earlyRefresh: between(0, 100),
  softDeadlineMs: between(0, MAX_TIMER_MS),
  hardDeadlineMs: between(1, MAX_TIMER_MS),
  waitMs: between(0, MAX_TIMER_MS),
  backoffMs: between(0, MAX_TIMER_MS),
  skipCache: (value) => (typeof value === 'boolean' ? undefined : 'must be true or false'),
  schemaVersion: (value) =>
    Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : 'must be a whole number from 0',
  values: (value) => (value === 'frozen' || value === 'copied' ? undefined : "must be 'frozen' or 'copied'"),
} satisfies Record<Exclude<keyof CacheNamespaceOptions, 'tags'>, Rule>;

/** What is wrong with options of a call or a namespace. A field that is `undefined` is left out. */
export function optionsIssues(options: CacheNamespaceOptions | undefined): InputIssue[] {
  if (options === undefined) return [];
  const issues = options.tags === undefined ? [] : tagsIssues(options.tags);
  for (const [path, value] of Object.entries(options)) {
    const message = value === undefined ? undefined : RULES[path]?.(value);
    if (message !== undefined) issues.push({ path, message });
  }
  return issues;
}

function listIssues(path: string, list: readonly unknown[], most: number): InputIssue[] {
  if (!Array.isArray(list) || list.length > most)
    return [{ path, message: `must be an array of at most ${most}` }];
  return list.map((item, index) => keyIssue(item, `${path}.${index}`)).filter((issue) => issue !== undefined);
}
