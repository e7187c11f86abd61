import { setTimeout as sleep } from 'node:timers/promises';
import { linkAbort } from './linked-abort.js';
import { pieces } from './pieces.js';
import { type Bucket, isNamed, type OpenUpload, type UploadedPart } from './s3-bucket.js';

export const DEFAULT_PART_BYTES = 5 * 1024 * 1024;
const MAX_PARTS = 10_000;
/** How often an upload is aborted and looked for before it is left to the next run. */
const ABORT_ATTEMPTS = 4;
const ABORT_PAUSE_MS = 250;

/** Parts that are sent are filled again: new ones would wait for the garbage collector, tens of megabytes at a time. */
export class PartBuffers {
  readonly partBytes: number;
  readonly #free: Buffer[] = [];

  constructor(partBytes: number) {
    this.partBytes = partBytes;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.partBytes);
  }

  /** Only where nobody reads it any more. */
  giveBack(part: Buffer): void {
    if (part.length === this.partBytes) this.#free.push(part);
  }
}

/** Pieces of exactly one part's size, as some stores demand, and one last of what remains. */
export async function* inParts(
  chunks: AsyncIterable<Uint8Array>,
  buffers: PartBuffers,
): AsyncGenerator<Buffer, void> {
  for await (const { bytes } of pieces(chunks, () => buffers.take())) if (bytes.length > 0) yield bytes;
}

/** One multipart upload: completed when all parts are there, aborted on any failure. */
export async function uploadParts(
  bucket: Bucket,
  key: string,
  {
    first,
    parts,
    buffers,
  }: {
    readonly first: Buffer;
    readonly parts: AsyncIterator<Buffer, void>;
    readonly buffers: PartBuffers;
  },
  { partsInFlight, signal }: { readonly partsInFlight: number; readonly signal: AbortSignal },
): Promise<void> {
  using stop = linkAbort(signal);
  const inFlight = new Set<Promise<void>>();
  const uploaded: UploadedPart[] = [];
  let upload: OpenUpload | null = null;
  let partNumber = 0;
  let bytes = 0;

  const send = (to: OpenUpload, piece: Buffer) => {
    partNumber += 1;
    if (partNumber > MAX_PARTS) throw new RangeError('more than 10,000 parts; raise partBytes');
    bytes += piece.length;
    const sent = bucket.uploadPart(to, partNumber, piece, stop.signal).then((part) => {
      uploaded.push(part);
      inFlight.delete(sent);
      buffers.giveBack(piece);
    });
    sent.catch(() => undefined); // stays in the set, where it is waited for
    inFlight.add(sent);
  };

  try {
    upload = await bucket.createUpload(key, signal);
    send(upload, first);
    for (let next = await parts.next(); !next.done; next = await parts.next()) {
      while (inFlight.size >= partsInFlight) await Promise.race(inFlight);
      signal.throwIfAborted();
      send(upload, next.value);
    }
    await Promise.all(inFlight);
    uploaded.sort((a, b) => a.PartNumber - b.PartNumber);
    await complete(bucket, upload, uploaded, { bytes, signal });
  } catch (error) {
    stop.abort();
    await parts.return?.();
    // A part that arrives after the abort would keep its space.
    await Promise.allSettled(inFlight);
    await undo(bucket, key, upload);
    throw error;
  }
}

/**
 * Completes an upload, once. The client repeats a request whose answer was lost, and the store may know the upload
 * no more: then it is the object that tells. Nobody else writes under its key.
 */
async function complete(
  bucket: Bucket,
  upload: OpenUpload,
  parts: readonly UploadedPart[],
  { bytes, signal }: { readonly bytes: number; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await bucket.completeUpload(upload, parts, signal);
  } catch (error) {
    if (!isNamed(error, 'NoSuchUpload')) throw error;
    for await (const object of bucket.list(upload.key)) {
      if (object.key === upload.key && object.bytes === bytes) return;
    }
    throw error;
  }
}

/** Leaves neither an open upload nor, where the answer to its completion was lost, the object. */
async function undo(bucket: Bucket, key: string, upload: OpenUpload | null): Promise<void> {
  for (let attempt = 1; attempt <= ABORT_ATTEMPTS; attempt += 1) {
    try {
      if (upload !== null) await bucket.abortUpload(key, upload.uploadId);
      // Also one whose creation was not answered.
      for (const open of await bucket.openUploads(key)) await bucket.abortUpload(key, open.uploadId);
      await bucket.delete(key);
      return;
    } catch {
      // The store is out of reach. The error that led here is the one to report; the next run looks again.
      await sleep(ABORT_PAUSE_MS * attempt);
    }
  }
}
