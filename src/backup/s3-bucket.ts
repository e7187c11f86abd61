import type { S3Client } from '@aws-sdk/client-s3';
import { linkAbort } from './linked-abort.js';

export interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
}

export interface UploadedPart {
  readonly PartNumber: number;
  readonly ETag: string | undefined;
}

/** The requests of S3 that a destination needs, each with a deadline; that of a read is for each wait, not for the whole. */
export interface Bucket {
  put(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  get(key: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  list(prefix: string): AsyncIterable<{ readonly key: string; readonly bytes: number }>;
  delete(key: string): Promise<void>;
  createUpload(key: string, signal: AbortSignal): Promise<OpenUpload>;
  uploadPart(
    upload: OpenUpload,
    partNumber: number,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<UploadedPart>;
  completeUpload(upload: OpenUpload, parts: readonly UploadedPart[], signal: AbortSignal): Promise<void>;
  /** No error for an upload that is over. */
  abortUpload(key: string, uploadId: string): Promise<void>;
  /** Empty where the store does not list uploads. */
  openUploads(prefix: string): Promise<readonly OpenUpload[]>;
}

export async function createBucket({
  client,
  name: Bucket,
  requestTimeoutMs,
}: {
  readonly client: S3Client;
  readonly name: string;
  readonly requestTimeoutMs: number;
}): Promise<Bucket> {
  const sdk = await loadSdk();
  // A store that takes a request and never answers must not hold the backup up.
  const within = async <T>(
    request: (options: { abortSignal: AbortSignal }) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> => {
    using stop = linkAbort(signal, requestTimeoutMs);
    return await request({ abortSignal: stop.signal });
  };

  return {
    async put(Key, Body, signal) {
      await within(
        (options) =>
          client.send(new sdk.PutObjectCommand({ Bucket, Key, Body, ContentLength: Body.length }), options),
        signal,
      );
    },

    async *get(Key, signal) {
      using stop = linkAbort(signal);
      let stalled = setTimeout(stop.abort, requestTimeoutMs);
      try {
        const command = new sdk.GetObjectCommand({ Bucket, Key });
        const { Body } = await client.send(command, { abortSignal: stop.signal });
        if (Body === undefined) throw new Error('an object without a body');
        // Under Node it is a Readable.
        for await (const chunk of Body as unknown as AsyncIterable<Uint8Array>) {
          clearTimeout(stalled);
          yield chunk; // whoever reads may take as long as they need
          stalled = setTimeout(stop.abort, requestTimeoutMs);
        }
      } finally {
        clearTimeout(stalled);
      }
    },

    async *list(Prefix) {
      let ContinuationToken: string | undefined;
      do {
        const page = await within((options) =>
          client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix, ContinuationToken }), options),
        );
        for (const { Key, Size } of page.Contents ?? []) {
          if (Key !== undefined) yield { key: Key, bytes: Size ?? 0 };
        }
        ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (ContinuationToken !== undefined);
    },

    async delete(Key) {
      await within((options) => client.send(new sdk.DeleteObjectCommand({ Bucket, Key }), options));
    },

    async createUpload(Key, signal) {
      const { UploadId } = await within(
        (options) => client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key }), options),
        signal,
      );
      if (UploadId === undefined) throw new Error('an upload without an id');
      return { key: Key, uploadId: UploadId };
    },

    async uploadPart({ key: Key, uploadId: UploadId }, PartNumber, Body, signal) {
      const { ETag } = await within(
        (options) =>
          client.send(
            new sdk.UploadPartCommand({
              Bucket,
              Key,
              UploadId,
              PartNumber,
              Body,
              ContentLength: Body.length,
            }),
            options,
          ),
        signal,
      );
      return { PartNumber, ETag };
    },

    async completeUpload({ key: Key, uploadId: UploadId }, parts, signal) {
      await within(
        (options) =>
          client.send(
            new sdk.CompleteMultipartUploadCommand({
              Bucket,
              Key,
              UploadId,
              MultipartUpload: { Parts: [...parts] },
            }),
            options,
          ),
        signal,
      );
    },

    async abortUpload(Key, UploadId) {
      try {
        await within((options) =>
          client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId }), options),
        );
      } catch (error) {
        if (!isNamed(error, 'NoSuchUpload')) throw error;
      }
    },

    async openUploads(Prefix) {
      const found: OpenUpload[] = [];
      let marker: { KeyMarker?: string; UploadIdMarker?: string } | null = {};
      while (marker !== null) {
        try {
          const page: Awaited<ReturnType<typeof listUploads>> = await listUploads(Prefix, marker);
          for (const { Key, UploadId } of page.Uploads ?? []) {
            if (Key !== undefined && UploadId !== undefined) found.push({ key: Key, uploadId: UploadId });
          }
          marker = nextMarker(page);
        } catch (error) {
          if (isNamed(error, 'NotImplemented')) return [];
          throw error;
        }
      }
      return found;
    },
  };

  function listUploads(Prefix: string, marker: { KeyMarker?: string; UploadIdMarker?: string }) {
    return within((options) =>
      client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix, ...marker }), options),
    );
  }
}

function nextMarker({
  IsTruncated,
  NextKeyMarker,
  NextUploadIdMarker,
}: {
  IsTruncated?: boolean | undefined;
  NextKeyMarker?: string | undefined;
  NextUploadIdMarker?: string | undefined;
}): { KeyMarker?: string; UploadIdMarker?: string } | null {
  if (IsTruncated !== true || NextKeyMarker === undefined) return null;
  return {
    KeyMarker: NextKeyMarker,
    ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
  };
}

async function loadSdk(): Promise<typeof import('@aws-sdk/client-s3')> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (cause) {
    throw new Error('s3Destination needs the package @aws-sdk/client-s3; install it', { cause });
  }
}

/** What the SDK calls an answer of S3, e.g. `NoSuchUpload`. */
export const isNamed = (error: unknown, name: string) => error instanceof Error && error.name === name;
