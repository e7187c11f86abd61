import type { BackupEvent, Backups, ScheduledResult } from './backups.js';

type Steps = Pick<Backups, 'run' | 'verify' | 'prune' | 'status'>;

/** One turn of a schedule. Retention runs only after a new backup that was verified. */
export async function runScheduled(
  backups: Steps,
  dueAt: Date,
  options: { readonly signal: AbortSignal; readonly onProgress?: (event: BackupEvent) => void },
): Promise<ScheduledResult> {
  // Replicas have the same schedule: one backup of this time is enough.
  const status = await backups.status();
  if (status.isErr()) return { type: 'failed', step: 'run', error: status.error };
  const { lastSuccessAt } = status.value;
  if (lastSuccessAt !== null && lastSuccessAt >= dueAt) return { type: 'skipped' };

  const run = await backups.run(options);
  if (run.isErr()) {
    const isRunning = run.error.kind === 'backup-refused' && run.error.reason === 'running';
    return isRunning ? { type: 'skipped' } : { type: 'failed', step: 'run', error: run.error };
  }
  const manifest = run.value;
  const verified = await backups.verify(manifest.id, options);
  if (verified.isErr()) return { type: 'failed', step: 'verify', error: verified.error };
  const pruned = await backups.prune();
  if (pruned.isErr()) return { type: 'failed', step: 'prune', error: pruned.error };
  return { type: 'succeeded', manifest, pruned: pruned.value };
}
