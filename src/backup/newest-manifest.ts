import type { BackupManifest } from './manifest.js';

/**
 * How far the clock of another process may be ahead. A backup that is said to be of later than that was taken while a
 * clock was wrong, and must not stand for those that are missing since.
 */
const TOLERATED_CLOCK_MS = 5 * 60_000;

/** The newest backup that is not of the future; `nowMs` in milliseconds since 1970. */
export function newestManifest(
  newestFirst: readonly BackupManifest[],
  nowMs: number,
): BackupManifest | undefined {
  return newestFirst.find(({ createdAt }) => Date.parse(createdAt) <= nowMs + TOLERATED_CLOCK_MS);
}
