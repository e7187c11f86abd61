import type { InputIssue } from '../errors.js';

export const DEFAULT_TTL_SECONDS = 3600;
const MAX_TTL_SECONDS = 365 * 24 * 3600;

/**
 * The longest life in memory. Other processes' writes do not reach this process's memory yet, so this
 * is also how long it may serve a value that another process has replaced.
 */
export const MEMORY_TTL_MS = 300_000;

export function ttlIssue(ttlSeconds: unknown): InputIssue | undefined {
  const fits = typeof ttlSeconds === 'number' && ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS;
  return fits ? undefined : { path: 'ttlSeconds', message: `must be above 0 and at most ${MAX_TTL_SECONDS}` };
}

/** Whole milliseconds, as Redis's PX takes them, and at least one: 0 would mean "never expires" or an error. */
export function ttlToMs(ttlSeconds: number): number {
  return Math.max(1, Math.round(ttlSeconds * 1000));
}
