import { atDestination } from './backup-failure.js';
import type { BackupSettings } from './backup-settings.js';
import type { PruneReport } from './backups.js';
import { deleteBackup, listManifests } from './catalog.js';
import { keptIds } from './retention.js';

const OPERATION = 'backup.prune';

/** Deletes what the retention does not keep, oldest first. */
export async function pruneBackups(
  settings: BackupSettings,
  signal: AbortSignal,
  { dryRun = false }: { readonly dryRun?: boolean },
): Promise<PruneReport> {
  const manifests = await listManifests(OPERATION, settings, signal);
  const kept = keptIds(manifests, settings.retention);
  const ids = manifests.map(({ id }) => id);
  const deleted = ids.filter((id) => !kept.has(id));
  if (!dryRun) {
    for (const id of [...deleted].reverse()) {
      await atDestination(OPERATION, 'delete', () => deleteBackup(settings, id));
    }
  }
  return { kept: ids.filter((id) => kept.has(id)), deleted };
}
