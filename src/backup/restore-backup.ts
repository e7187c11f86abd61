import type pg from 'pg';
import { connectionSettings } from '../database/connection-settings.js';
import type { DedicatedConnection } from '../database/dedicated-connection.js';
import { unredactedCauseOf } from '../errors.js';
import { sqlStateOf } from '../sql-state.js';
import { backupFailed, backupRefused } from './backup-failure.js';
import type { BackupSettings } from './backup-settings.js';
import type { RestoreOptions, VerifyReport } from './backups.js';
import { getManifest } from './catalog.js';
import { compareDatabase } from './compare-database.js';
import type { DatabaseLocale } from './database-locale.js';
import { findTool, type PostgresTool } from './postgres-tool.js';
import { byteProgress } from './progress.js';
import { restoreDump } from './restore-dump.js';
import { createDatabase, dropDatabase } from './scratch-database.js';
import { compareChecksum, requireKey, type StoredDumpReading } from './stored-dump.js';
import { serverVersion, UNINTERRUPTED, withConnection } from './work-connection.js';

const OPERATION = 'backup.restore';
/** On every server, and nobody's own. */
const MAINTENANCE_DATABASE = 'postgres';
const NO_SUCH_DATABASE = '3D000';

/** All of a backup into an empty or new database, compared after; or nothing. */
export async function restoreBackup(
  settings: BackupSettings,
  id: string,
  signal: AbortSignal,
  options: RestoreOptions,
): Promise<VerifyReport> {
  const { onProgress } = options;
  const started = performance.now();
  const manifest = await getManifest(OPERATION, id, settings, signal);
  if (manifest.encrypted) requireKey(OPERATION, settings.encryptionKey);
  const target = connectionSettings(options.url, options.tls);
  const reading: StoredDumpReading = { operation: OPERATION, settings, manifest, signal };
  const totalBytes = manifest.bytes;

  await withDatabase(target, manifest.locale, signal, async (connection) => {
    const tool = await readyTarget(connection, settings, options);
    await compareChecksum(
      reading,
      byteProgress(onProgress, (bytes) => ({ type: 'checking', bytes, totalBytes })),
    );
    await restoreDump({
      ...reading,
      target,
      tool,
      keepOwners: options.keepOwners ?? false,
      onBytes: byteProgress(onProgress, (bytes) => ({ type: 'restoring', bytes, totalBytes })),
      failure: (message, cause) => backupFailed(OPERATION, 'restore', message, cause),
    });
    onProgress?.({ type: 'comparing' });
    await compareDatabase(OPERATION, connection, manifest);
    // A dump holds no statistics: until they are there, plans are guesses.
    await connection.query('analyze');
  });
  return { manifest, durationMs: Math.round(performance.now() - started) };
}

async function readyTarget(
  connection: DedicatedConnection,
  { binDirectory }: BackupSettings,
  { allowNonEmpty = false }: RestoreOptions,
): Promise<PostgresTool> {
  const { major } = await serverVersion(connection);
  const tool = await findTool(OPERATION, 'pg_restore', { binDirectory, serverMajor: major });
  if (!allowNonEmpty && (await hasRelations(connection))) {
    const message = 'the database has tables; name an empty or a new one, or set allowNonEmpty';
    throw backupRefused(OPERATION, 'not-empty', message);
  }
  return tool;
}

/** Anything of somebody's own; the tables and views of an extension come with it. */
async function hasRelations(connection: DedicatedConnection): Promise<boolean> {
  const [row] = await connection.query<{ found: boolean }>(`
    select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
        and not exists (select from pg_depend d
          where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')) as found`);
  return row?.found ?? false;
}

/** Connects to the target, which is created where it is not there, and dropped again if the work then fails. */
async function withDatabase(
  target: pg.ClientConfig,
  locale: DatabaseLocale,
  signal: AbortSignal,
  work: (connection: DedicatedConnection) => Promise<void>,
): Promise<void> {
  try {
    return await withConnection(OPERATION, target, signal, work);
  } catch (error) {
    const { database } = target;
    if (database === undefined || !isAbsentDatabase(error)) throw error;
    const maintenance = { ...target, database: MAINTENANCE_DATABASE };
    await withConnection(OPERATION, maintenance, UNINTERRUPTED, async (connection) => {
      await createDatabase(OPERATION, connection, { name: database, locale });
      try {
        await withConnection(OPERATION, target, signal, work);
      } catch (reason) {
        await dropDatabase(connection, database).catch(() => undefined); // the reason is the one to report
        throw reason;
      }
    });
  }
}

function isAbsentDatabase(error: unknown): boolean {
  const cause = error instanceof Error ? (unredactedCauseOf(error) ?? error) : error;
  return sqlStateOf(cause) === NO_SUCH_DATABASE;
}
