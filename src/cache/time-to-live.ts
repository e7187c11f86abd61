/** The longest life in memory; see `CacheService` for what bounds how outdated a value there can be. */
export const MEMORY_TTL_MS = 300_000;

const MAX_SECONDS = 365 * 24 * 3600;

/** Whole milliseconds, as Redis's PX takes them, and at least one: 0 would mean "never expires" or an error. */
export function ttlToMs(ttlSeconds: number): number {
  return Math.max(1, Math.round(ttlSeconds * 1000));
}

/** What is wrong with a number of seconds that must be above 0 (`above`) or may be 0 (`from`), or `undefined`. */
export function secondsProblem(seconds: unknown, least: 'above 0' | 'from 0'): string | undefined {
  const fits =
    typeof seconds === 'number' &&
    seconds <= MAX_SECONDS &&
    (least === 'above 0' ? seconds > 0 : seconds >= 0);
  return fits
    ? undefined
    : `must be ${least === 'above 0' ? 'above 0' : 'at least 0'} and at most ${MAX_SECONDS}`;
}
