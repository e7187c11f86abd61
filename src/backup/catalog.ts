import { notFound } from '../errors.js';
import type { BackupDestination } from './backup-destination.js';
import { atDestination, backupDamaged } from './backup-failure.js';
import type { BackupSettings } from './backup-settings.js';
import {
  type BackupManifest,
  dataFile,
  filePrefix,
  idOfFile,
  isDataFile,
  MANIFEST_ENDING,
  manifestFile,
  parseManifest,
} from './manifest.js';
import { isSealed } from './manifest-seal.js';

type Place = Pick<BackupSettings, 'destination'>;
type Catalog = Pick<BackupSettings, 'destination' | 'name' | 'encryptionKey' | 'logger'>;

/** A manifest lists tables: of some thousand it has some hundred kilobytes. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

/** The published backups of this name, newest first. What is no manifest of ours, or was changed, is passed over. */
export async function listManifests(
  operation: string,
  catalog: Catalog,
  signal: AbortSignal,
): Promise<readonly BackupManifest[]> {
  const { encryptionKey, logger } = catalog;
  return (await readManifests(operation, catalog, signal)).filter((manifest) => {
    const isOurs = isSealed(manifest, encryptionKey);
    if (!isOurs) logger?.warn('backup.unsealed-manifest', { file: manifestFile(manifest.id) });
    return isOurs;
  });
}

/** One backup, by its id or as `latest`; throws `backup-damaged` for a manifest that was changed. */
export async function getManifest(
  operation: string,
  id: string,
  catalog: Catalog,
  signal: AbortSignal,
): Promise<BackupManifest> {
  const manifests = await readManifests(operation, catalog, signal);
  const found = id === 'latest' ? manifests[0] : manifests.find((manifest) => manifest.id === id);
  if (found === undefined) throw notFound(operation, 'backup');
  if (isSealed(found, catalog.encryptionKey)) return found;
  const message = 'the manifest was not written with this encryptionKey, or was changed since';
  throw backupDamaged(operation, 'manifest', message);
}

/** All that have the form of one, whoever wrote them. */
function readManifests(
  operation: string,
  { destination, name, logger }: Catalog,
  signal: AbortSignal,
): Promise<readonly BackupManifest[]> {
  return atDestination(operation, 'list', async () => {
    const manifests: BackupManifest[] = [];
    for (const file of await destination.list(filePrefix(name))) {
      if (!file.name.endsWith(MANIFEST_ENDING) || file.bytes > MAX_MANIFEST_BYTES) continue;
      const text = await readListed(destination, file.name, signal);
      if (text === null) continue;
      const manifest = parseManifest(text, name);
      if (manifest !== null && manifestFile(manifest.id) === file.name) manifests.push(manifest);
      else logger?.warn('backup.unreadable-manifest', { file: file.name });
    }
    return manifests.sort((a, b) => compare(b.createdAt, a.createdAt) || compare(b.id, a.id));
  });
}

/**
 * Removes what killed runs left: partial files, open uploads, and dumps without a manifest. Only those of this
 * database, by their prefix: its lock is held, so nobody writes any of them.
 */
export function removeLeftovers(operation: string, { destination }: Place, prefix: string): Promise<void> {
  return atDestination(operation, 'store', async () => {
    await destination.discardUnfinished(prefix);
    const files = (await destination.list(prefix)).map((file) => file.name);
    const published = new Set(
      files.filter((file) => file.endsWith(MANIFEST_ENDING)).map((file) => dataFile(idOfFile(file))),
    );
    for (const file of files) {
      if (isDataFile(file) && !published.has(file)) await destination.delete(file);
    }
  });
}

/** The manifest first: what is listed is complete, also while it is deleted. */
export async function deleteBackup({ destination }: Place, id: string): Promise<void> {
  await destination.delete(manifestFile(id));
  await destination.delete(dataFile(id));
}

/** `null` where somebody has deleted it since it was listed. */
async function readListed(
  destination: BackupDestination,
  file: string,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    return await readText(destination.read(file, signal));
  } catch (error) {
    const isThere = (await destination.list(file)).some(({ name }) => name === file);
    if (isThere) throw error;
    return null;
  }
}

async function readText(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read).toString('utf8');
}

const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b));
