import type { S3Client } from '@aws-sdk/client-s3';
import type { BackupDestination, StoredFile } from './backup-destination.js';
import { type Bucket, createBucket } from './s3-bucket.js';
import { DEFAULT_PART_BYTES, inParts, PartBuffers, uploadParts } from './s3-upload.js';

/** The client of `@aws-sdk/client-s3`, of any version whose commands it takes. */
export interface S3Sender {
  send(command: never, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>;
}

export interface S3DestinationOptions {
  /** Yours: never closed. Its credentials need to get, put, list and delete objects, and to list and abort uploads. */
  readonly client: S3Sender;
  readonly bucket: string;
  /** Put before every name, e.g. `chat/`. Default: none. */
  readonly prefix?: string;
  /** Bytes of one part, from 5 MiB, the default. A backup has 10,000 parts at most. */
  readonly partBytes?: number;
  /** Parts on their way at once; default 2. Memory holds one more. */
  readonly partsInFlight?: number;
  /** How long one request may take with its retries, and a read without a further byte, in ms; default 120,000. */
  readonly requestTimeoutMs?: number;
}

const MIN_PART_BYTES = 5 * 1024 * 1024;
const DEFAULT_PARTS_IN_FLIGHT = 2;
const DEFAULT_REQUEST_TIMEOUT_MS = 120_000;

/**
 * A bucket of any S3-compatible store, through `@aws-sdk/client-s3`, an optional peer. What is larger than one
 * part goes up by multipart, whose object appears when it is completed; a failed upload is aborted.
 *
 * @throws {RangeError} for parts that S3 would refuse.
 * @example
 * import { S3Client } from '@aws-sdk/client-s3';
 * import { s3Destination } from '@macro-ai/store/backup';
 *
 * const destination = s3Destination({ client: new S3Client({}), bucket: 'backups', prefix: 'chat/' });
 */
export function s3Destination({
  client,
  bucket: name,
  prefix = '',
  partBytes = DEFAULT_PART_BYTES,
  partsInFlight = DEFAULT_PARTS_IN_FLIGHT,
  requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS,
}: S3DestinationOptions): BackupDestination {
  if (!(partBytes >= MIN_PART_BYTES)) throw new RangeError('partBytes must be at least 5 MiB');
  if (!(partsInFlight >= 1)) throw new RangeError('partsInFlight must be at least 1');
  let opened: Promise<Bucket> | null = null;
  const open = () => {
    // The interface is what a caller's copy of the SDK has in common with ours.
    opened ??= createBucket({ client: client as unknown as S3Client, name, requestTimeoutMs });
    return opened;
  };
  const keyOf = (file: string) => prefix + file;

  return {
    async write(file, chunks, signal) {
      const bucket = await open();
      const buffers = new PartBuffers(partBytes);
      const parts = inParts(chunks, buffers)[Symbol.asyncIterator]();
      const first = await parts.next();
      const bytes = first.done ? Buffer.alloc(0) : first.value;
      if (bytes.length < partBytes) return bucket.put(keyOf(file), bytes, signal);
      return uploadParts(bucket, keyOf(file), { first: bytes, parts, buffers }, { partsInFlight, signal });
    },

    async *read(file, signal) {
      yield* (await open()).get(keyOf(file), signal);
    },

    async list(filePrefix) {
      const files: StoredFile[] = [];
      for await (const { key, bytes } of (await open()).list(keyOf(filePrefix))) {
        files.push({ name: key.slice(prefix.length), bytes });
      }
      return files;
    },

    async delete(file) {
      await (await open()).delete(keyOf(file));
    },

    async discardUnfinished(filePrefix) {
      const bucket = await open();
      for (const { key, uploadId } of await bucket.openUploads(keyOf(filePrefix))) {
        await bucket.abortUpload(key, uploadId);
      }
    },
  };
}
