import { isLeftToOthers } from './backup-failure.js';
import type { BackupEvent, Backups, ScheduledResult } from './backups.js';

type Steps = Pick<Backups, 'run' | 'verify' | 'prune'>;

/** One turn of a schedule. Retention runs only after a new backup that was verified. */
export async function runScheduled(
  backups: Steps,
  dueAt: Date,
  options: { readonly signal: AbortSignal; readonly onProgress?: (event: BackupEvent) => void },
): Promise<ScheduledResult> {
  // Replicas have the same schedule: one backup of this time is enough.
  const run = await backups.run({ ...options, unlessTakenSince: dueAt });
  if (run.isErr()) {
    const { error } = run;
    return isLeftToOthers(error) ? { type: 'skipped' } : { type: 'failed', step: 'run', error };
  }
  const manifest = run.value;
  const verified = await backups.verify(manifest.id, options);
  if (verified.isErr()) return { type: 'failed', step: 'verify', error: verified.error };
  const pruned = await backups.prune();
  if (pruned.isErr()) return { type: 'failed', step: 'prune', error: pruned.error };
  return { type: 'succeeded', manifest, pruned: pruned.value };
}
