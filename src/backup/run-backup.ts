import { randomBytes } from 'node:crypto';
import packageJson from '../../package.json' with { type: 'json' };
import type { DedicatedConnection, DedicatedScope } from '../database/dedicated-connection.js';
import { refuseTransactionPooler } from '../database/transaction-pooler.js';
import { invalidInput } from '../errors.js';
import { atDestination, backupRefused } from './backup-failure.js';
import { lockBackups } from './backup-lock.js';
import type { BackupSettings } from './backup-settings.js';
import type { BackupRunOptions } from './backups.js';
import { deleteBackup, listManifests, removeLeftovers } from './catalog.js';
import { readDatabaseFacts, readStoreFacts } from './database-facts.js';
import { readLocale } from './database-locale.js';
import { originOf } from './database-origin.js';
import { dumpArguments, dumpChunks } from './dump.js';
import { linkAbort } from './linked-abort.js';
import {
  type BackupManifest,
  dataFile,
  manifestFile,
  newBackupId,
  originPrefix,
  type UnsealedManifest,
} from './manifest.js';
import { sealManifest } from './manifest-seal.js';
import { newestManifest } from './newest-manifest.js';
import { createEnvironment } from './postgres-environment.js';
import { findTool, type PostgresTool, startTool } from './postgres-tool.js';
import { byteProgress } from './progress.js';
import { storeDump } from './store-dump.js';
import { APPLICATION_NAME, serverVersion, withConnection } from './work-connection.js';

const OPERATION = 'backup.run';

/** One backup from the lock to its manifest. Throws, and then nothing of it is published. */
export function runBackup(
  settings: BackupSettings,
  signal: AbortSignal,
  { lockWaitMs = 0, unlessTakenSince, onProgress }: BackupRunOptions,
): Promise<BackupManifest> {
  const { name, database, encryptionKey, binDirectory, clock } = settings;
  return withConnection(OPERATION, database, signal, async (connection) => {
    await refuseTransactionPooler(connection, OPERATION);
    const server = await serverVersion(connection);
    const tool = await findTool(OPERATION, 'pg_dump', { binDirectory, serverMajor: server.major });
    await lockBackups(connection, { operation: OPERATION, name, waitMs: lockWaitMs, signal });
    if (unlessTakenSince !== undefined) await refuseTaken(settings, unlessTakenSince, signal);
    const prefix = originPrefix(name, await originOf(connection));
    await removeLeftovers(OPERATION, settings, prefix);

    const createdAt = new Date(clock());
    const id = newBackupId(prefix, createdAt, randomBytes(4).toString('hex'));
    try {
      const dumped = await dumpInSnapshot({
        connection,
        settings,
        tool,
        file: dataFile(id),
        signal,
        onProgress,
      });
      const unsealed: UnsealedManifest = {
        format: 1,
        id,
        name,
        createdAt: createdAt.toISOString(),
        file: dataFile(id),
        encrypted: encryptionKey !== null,
        versions: { server: server.text, pgDump: tool.version, library: packageJson.version },
        ...dumped,
      };
      const manifest = sealManifest(unsealed, encryptionKey);
      await publish(settings, connection, manifest, signal);
      onProgress?.({ type: 'published', id, bytes: manifest.bytes });
      return manifest;
    } catch (error) {
      // What cannot be removed now has no manifest, and goes with the next run.
      await deleteBackup(settings, id).catch(() => undefined);
      throw error;
    }
  });
}

async function refuseTaken(settings: BackupSettings, since: Date, signal: AbortSignal): Promise<void> {
  if (Number.isNaN(since.getTime())) {
    throw invalidInput(OPERATION, [{ path: 'unlessTakenSince', message: 'must be a valid date' }]);
  }
  const newest = newestManifest(await listManifests(OPERATION, settings, signal), settings.clock());
  if (newest === undefined || new Date(newest.createdAt) < since) return;
  throw backupRefused(OPERATION, 'taken', 'the backup of this time was taken already');
}

interface DumpRun {
  readonly connection: DedicatedConnection;
  readonly settings: BackupSettings;
  readonly tool: PostgresTool;
  readonly file: string;
  readonly signal: AbortSignal;
  readonly onProgress: BackupRunOptions['onProgress'];
}

type Dumped = Omit<
  UnsealedManifest,
  'format' | 'id' | 'name' | 'createdAt' | 'file' | 'encrypted' | 'versions'
>;

/** Dumps and counts in one snapshot, at the same time. */
async function dumpInSnapshot(run: DumpRun): Promise<Dumped> {
  await using environment = await createEnvironment(run.settings.database, APPLICATION_NAME);
  using stop = linkAbort(run.signal);
  const { signal } = stop;
  // Awaited here: the files of the environment are removed with the end of this function.
  return await run.connection.transaction(async (scope) => {
    await scope.query('set transaction isolation level repeatable read, read only');
    const [snapshot] = await scope.query<{ id: string }>('select pg_export_snapshot() as id');
    if (snapshot === undefined) throw new Error('the server exported no snapshot');
    const tool = startTool(run.tool, dumpArguments(snapshot.id), environment.env, signal);
    tool.stdin.end();
    const stored = storeDump(dumpChunks(OPERATION, tool), {
      operation: OPERATION,
      destination: run.settings.destination,
      file: run.file,
      encryptionKey: run.settings.encryptionKey,
      signal,
      onBytes: byteProgress(run.onProgress, (bytes) => ({ type: 'storing', bytes })),
    });
    try {
      return await bothOrFirstFailure(
        { work: stored, cancel: () => stop.abort() },
        // A count of a large table does not hold the report of a failed dump up.
        { work: readFacts(scope), cancel: () => void run.connection.close() },
      );
    } finally {
      await tool.stop();
    }
  });
}

interface Half<T> {
  readonly work: Promise<T>;
  readonly cancel: () => void;
}

/** Waits until both have ended; the first to fail cancels the other, and is the reason. */
async function bothOrFirstFailure<A, B>(a: Half<A>, b: Half<B>): Promise<A & B> {
  const failures: unknown[] = [];
  const failed = (other: Half<unknown>) => (error: unknown) => {
    failures.push(error);
    other.cancel();
  };
  a.work.catch(failed(b));
  b.work.catch(failed(a));
  const [first, second] = await Promise.allSettled([a.work, b.work]);
  if (first.status === 'rejected' || second.status === 'rejected') throw failures[0];
  return { ...first.value, ...second.value };
}

async function readFacts(scope: DedicatedScope) {
  return {
    locale: await readLocale(scope),
    ...(await readStoreFacts(scope)),
    ...(await readDatabaseFacts(scope)),
  };
}

async function publish(
  { destination }: BackupSettings,
  connection: DedicatedConnection,
  manifest: BackupManifest,
  signal: AbortSignal,
): Promise<void> {
  // While the session lives it has the lock, and nobody takes the dump for a leftover.
  const keepsLock = () => connection.query('select 1');
  await keepsLock();
  await atDestination(OPERATION, 'publish', () =>
    destination.write(manifestFile(manifest.id), onlyChunk(JSON.stringify(manifest, null, 2)), signal),
  );
  // A lock lost while the manifest was on its way may have cost the dump.
  await keepsLock();
}

async function* onlyChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, 'utf8');
}
