import type { BackupManifest } from './manifest.js';

/** A backup stays when any of these keeps it. Days, weeks (from Monday) and months are those of UTC. */
export interface RetentionPolicy {
  /** The newest backup of each of so many days that have one. */
  readonly keepDaily: number;
  readonly keepWeekly: number;
  readonly keepMonthly: number;
  /** The newest so many, whatever their age; at least 1. */
  readonly minKeep: number;
}

export const DEFAULT_RETENTION: RetentionPolicy = {
  keepDaily: 7,
  keepWeekly: 0,
  keepMonthly: 0,
  minKeep: 3,
};

/**
 * The ids to keep. Counts days that have a backup, not days that passed: when backups fail for a month, what
 * there is stays.
 */
export function keptIds(
  newestFirst: readonly BackupManifest[],
  { keepDaily, keepWeekly, keepMonthly, minKeep }: RetentionPolicy,
): ReadonlySet<string> {
  return new Set(
    [
      ...newestFirst.slice(0, Math.max(1, minKeep)),
      ...newestOfEach(newestFirst, keepDaily, dayOf),
      ...newestOfEach(newestFirst, keepWeekly, weekOf),
      ...newestOfEach(newestFirst, keepMonthly, monthOf),
    ].map(({ id }) => id),
  );
}

function newestOfEach(
  newestFirst: readonly BackupManifest[],
  count: number,
  periodOf: (createdAt: Date) => string,
): readonly BackupManifest[] {
  const newest = new Map<string, BackupManifest>();
  for (const manifest of newestFirst) {
    const period = periodOf(new Date(manifest.createdAt));
    if (!newest.has(period)) newest.set(period, manifest);
  }
  return [...newest.values()].slice(0, count);
}

const DAY_MS = 86_400_000;

const dayOf = (at: Date) => at.toISOString().slice(0, 10);
const monthOf = (at: Date) => at.toISOString().slice(0, 7);
/** By its Monday. */
const weekOf = (at: Date) => dayOf(new Date(at.getTime() - ((at.getUTCDay() + 6) % 7) * DAY_MS));
