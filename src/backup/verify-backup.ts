import type { DedicatedConnection } from '../database/dedicated-connection.js';
import { backupDamaged } from './backup-failure.js';
import type { BackupSettings } from './backup-settings.js';
import type { BackupCallOptions, VerifyReport } from './backups.js';
import { getManifest } from './catalog.js';
import { compareDatabase } from './compare-database.js';
import { findTool } from './postgres-tool.js';
import { byteProgress } from './progress.js';
import { restoreDump } from './restore-dump.js';
import { withScratchDatabase } from './scratch-database.js';
import { compareChecksum, requireKey, type StoredDumpReading } from './stored-dump.js';
import { serverVersion, UNINTERRUPTED, withConnection } from './work-connection.js';

const OPERATION = 'backup.verify';

/** Checksum, restore into a scratch database, comparison; throws `backup-damaged` with the first part that fails. */
export async function verifyBackup(
  settings: BackupSettings,
  id: string,
  signal: AbortSignal,
  { onProgress }: BackupCallOptions,
): Promise<VerifyReport> {
  const started = performance.now();
  const manifest = await getManifest(OPERATION, id, settings, signal);
  if (manifest.encrypted) requireKey(OPERATION, settings.encryptionKey);
  const reading: StoredDumpReading = { operation: OPERATION, settings, manifest, signal };
  const totalBytes = manifest.bytes;

  const restoreAndCompare = async (connection: DedicatedConnection) => {
    const { major } = await serverVersion(connection);
    const tool = await findTool(OPERATION, 'pg_restore', {
      binDirectory: settings.binDirectory,
      serverMajor: major,
    });
    await compareChecksum(
      reading,
      byteProgress(onProgress, (bytes) => ({ type: 'checking', bytes, totalBytes })),
    );
    await withScratchDatabase(OPERATION, connection, manifest.locale, async (database) => {
      const target = { ...settings.scratch, database };
      await restoreDump({
        ...reading,
        target,
        tool,
        keepOwners: false,
        onBytes: byteProgress(onProgress, (bytes) => ({ type: 'restoring', bytes, totalBytes })),
        failure: (message, cause) => backupDamaged(OPERATION, 'restore', message, cause),
      });
      onProgress?.({ type: 'comparing' });
      await withConnection(OPERATION, target, signal, (scratch) =>
        compareDatabase(OPERATION, scratch, manifest),
      );
    });
  };
  await withConnection(OPERATION, settings.scratch, UNINTERRUPTED, restoreAndCompare);
  return { manifest, durationMs: Math.round(performance.now() - started) };
}
