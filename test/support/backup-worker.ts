// A process of its own that takes a backup and may die in it, or that sends a synthetic dump through the whole
// pipeline: bundled by worker-process.ts, told what to do by its arguments.

import { randomBytes } from 'node:crypto';
import type { BackupDestination } from '../../src/backup/backup-destination.js';
import { createBackups } from '../../src/backup/create-backups.js';
import { directoryDestination } from '../../src/backup/directory-destination.js';
import { s3Destination } from '../../src/backup/s3-destination.js';
import { storeDump } from '../../src/backup/store-dump.js';
import { clientFor } from './fake-s3.js';

export type BackupWorkerInput = {
  /** A directory, or the endpoint of an S3. */
  readonly to: { readonly folder: string } | { readonly endpoint: string };
} & (
  | {
      readonly url: string;
      readonly pgBinDirectory: string | null;
      /** Dies by SIGKILL when so many bytes have been taken by the destination. */
      readonly dieAtByte: number;
    }
  | { readonly syntheticBytes: number }
);

export type BackupWorkerOutput =
  | { readonly error: string | null }
  | {
      readonly bytes: number;
      /** Right before the stream, and at most. */
      readonly rssBefore: number;
      readonly maxRss: number;
      readonly durationMs: number;
    };

const input = JSON.parse(process.argv[2] ?? '') as BackupWorkerInput;
process.once('disconnect', () => process.exit());

const target =
  'folder' in input.to
    ? directoryDestination(input.to.folder)
    : s3Destination({
        client: clientFor(input.to.endpoint),
        bucket: 'backups',
        ...('url' in input ? { partBytes: 5 * 1024 * 1024 } : {}),
      });

const output = 'url' in input ? await backUp(input) : await sendSynthetic(input.syntheticBytes);
await new Promise((resolve) => process.send?.(output, resolve));
process.disconnect?.();

async function backUp({
  url,
  pgBinDirectory,
  dieAtByte,
}: Extract<BackupWorkerInput, { url: string }>): Promise<BackupWorkerOutput> {
  const result = await createBackups({
    database: { url },
    name: 'chat',
    destination: dyingAt(target, dieAtByte),
    encryptionKey: Buffer.alloc(32, 7),
    ...(pgBinDirectory === null ? {} : { pgBinDirectory }),
  }).run({ lockWaitMs: 30_000 });
  return result.match(
    () => ({ error: null }),
    (error) => ({ error: error.message }),
  );
}

function dyingAt(destination: BackupDestination, dieAtByte: number): BackupDestination {
  async function* counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes >= dieAtByte) process.kill(process.pid, 'SIGKILL');
      yield chunk;
    }
  }
  return {
    ...destination,
    write: (name, chunks, signal) => destination.write(name, counted(chunks), signal),
  };
}

async function sendSynthetic(bytes: number): Promise<BackupWorkerOutput> {
  const rssBefore = process.memoryUsage.rss();
  const started = performance.now();
  const stored = await storeDump(synthetic(bytes), {
    operation: 'backup.run',
    destination: target,
    file: 'chat--synthetic.dump',
    encryptionKey: Buffer.alloc(32, 7),
    signal: new AbortController().signal,
    onBytes: () => undefined,
  });
  return {
    bytes: stored.bytes,
    rssBefore,
    maxRss: process.resourceUsage().maxRSS * 1024,
    durationMs: performance.now() - started,
  };
}

/** Chunks as a pipe gives them, each a new one. */
async function* synthetic(bytes: number): AsyncGenerator<Uint8Array> {
  const noise = randomBytes(64 * 1024);
  for (let sent = 0; sent < bytes; sent += noise.length) yield Buffer.from(noise);
}
