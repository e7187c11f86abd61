import { createHash } from 'node:crypto';
import type { BackupDestination } from './backup-destination.js';
import { backupFailed } from './backup-failure.js';
import { encryptFrames } from './frame-encryption.js';

export interface DumpStorage {
  readonly operation: string;
  readonly destination: BackupDestination;
  readonly file: string;
  readonly encryptionKey: Uint8Array | null;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** Encrypts, counts and stores a dump in constant memory. Rejects with the dump's own error where that is the reason. */
export async function storeDump(
  dump: AsyncIterable<Uint8Array>,
  { operation, destination, file, encryptionKey, signal, onBytes }: DumpStorage,
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  let source: 'open' | 'ended' | { readonly failure: unknown } = 'open';
  async function* measured(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of encryptionKey === null ? dump : encryptFrames(dump, encryptionKey)) {
        hash.update(chunk);
        bytes += chunk.length;
        onBytes(bytes);
        yield chunk;
      }
      source = 'ended';
    } catch (failure) {
      source = { failure };
      throw failure;
    }
  }
  const outcome = () => source; // it was assigned to in between, which the compiler does not see

  try {
    await destination.write(file, measured(), signal);
  } catch (cause) {
    const end = outcome();
    if (typeof end === 'object') throw end.failure;
    throw backupFailed(operation, 'store', 'the destination did not take the backup', cause);
  }
  const end = outcome();
  if (typeof end === 'object') throw end.failure;
  // A destination that stops early and calls that a success.
  if (end === 'open') throw backupFailed(operation, 'store', 'the destination did not read to the end');
  return { sha256: hash.digest('hex'), bytes };
}
