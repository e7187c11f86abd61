import { createHash } from 'node:crypto';
import { isStoreError } from '../errors.js';
import { atDestination, backupDamaged, backupFailed, backupRefused } from './backup-failure.js';
import type { BackupSettings } from './backup-settings.js';
import { decryptFrames, UndecryptableError } from './frame-encryption.js';
import type { BackupManifest } from './manifest.js';

/** A published dump on its way back. */
export interface StoredDumpReading {
  readonly operation: string;
  readonly settings: BackupSettings;
  readonly manifest: BackupManifest;
  readonly signal: AbortSignal;
}

/** Reads the whole file back, and compares its length and checksum with the manifest's. */
export async function compareChecksum(
  { operation, settings: { destination, name }, manifest, signal }: StoredDumpReading,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const damaged = (message: string) => backupDamaged(operation, 'checksum', message);
  const files = await atDestination(operation, 'list', () => destination.list(manifest.file));
  const file = files.find((one) => one.name === manifest.file);
  if (file === undefined) throw damaged(`the file of the backup is gone from ${name}'s destination`);
  if (file.bytes !== manifest.bytes) {
    throw damaged(`the file has ${file.bytes} bytes, and had ${manifest.bytes} when it was stored`);
  }
  const hash = createHash('sha256');
  let bytes = 0;
  await atDestination(operation, 'read', async () => {
    for await (const chunk of destination.read(manifest.file, signal)) {
      hash.update(chunk);
      bytes += chunk.length;
      onBytes(bytes);
    }
  });
  if (bytes !== manifest.bytes || hash.digest('hex') !== manifest.sha256) {
    throw damaged('the file is not what was stored: its checksum differs');
  }
}

/** The dump as pg_dump wrote it. */
export async function* readDump(
  { operation, settings, manifest, signal }: StoredDumpReading,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const { destination, encryptionKey } = settings;
  async function* stored(): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    try {
      for await (const chunk of destination.read(manifest.file, signal)) {
        bytes += chunk.length;
        onBytes(bytes);
        yield chunk;
      }
    } catch (cause) {
      if (isStoreError(cause)) throw cause; // of the listener
      throw backupFailed(operation, 'read', 'the destination failed (read)', cause);
    }
  }
  if (!manifest.encrypted) return yield* stored();
  try {
    yield* decryptFrames(stored(), requireKey(operation, encryptionKey));
  } catch (cause) {
    if (!(cause instanceof UndecryptableError)) throw cause;
    const message = 'the file does not decrypt: it was encrypted under another key, or changed';
    throw backupDamaged(operation, 'decryption', message, cause);
  }
}

/** Refused before anything is read or made. */
export function requireKey(operation: string, encryptionKey: Uint8Array | null): Uint8Array {
  if (encryptionKey !== null) return encryptionKey;
  throw backupRefused(operation, 'key-missing', 'the backup is encrypted; configure its encryptionKey');
}
