import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';

export type S3Operation =
  | 'put'
  | 'get'
  | 'list'
  | 'delete'
  | 'createUpload'
  | 'uploadPart'
  | 'completeUpload'
  | 'abortUpload'
  | 'listUploads';

/** `error`: 500. `hang`: no answer ever. `cut`: the connection ends. `lost`: the work is done, and the answer is lost. `stall`: half of the answer, and no more.
 * `gone`: the upload is not known. */
export type S3Fault = 'error' | 'hang' | 'cut' | 'lost' | 'stall' | 'gone' | null;

/** As much of S3 as a destination needs, in memory, that goes wrong on request. */
export interface FakeS3 extends AsyncDisposable {
  readonly endpoint: string;
  readonly client: S3Client;
  readonly objects: Map<string, Buffer>;
  /** Open multipart uploads: id → key. */
  readonly uploads: Map<string, string>;
  /** Operations in the order they came in, with those that went wrong. */
  readonly calls: S3Operation[];
  /** Asked for every request. */
  fault: (operation: S3Operation, nth: number) => S3Fault;
  /** Counts the bytes of parts and keeps none: for streams of gigabytes. */
  discardsParts: boolean;
  readonly partBytes: number;
}

export const clientFor = (endpoint: string) =>
  new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    maxAttempts: 2,
  });

export async function startFakeS3(): Promise<FakeS3> {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, string>();
  const parts = new Map<string, Map<number, Buffer>>();
  const calls: S3Operation[] = [];
  let partBytes = 0;

  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = clientFor(endpoint);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '', endpoint);
    const key = decodeURIComponent(pathname.split('/').slice(2).join('/'));
    const operation = operationOf(request.method ?? '', key, query);
    calls.push(operation);
    const fault = fake.fault(operation, calls.filter((call) => call === operation).length);
    if (fault === 'cut') {
      request.socket.destroy();
      return;
    }
    const body = await read(request);
    if (fault === 'hang') return;
    if (fault === 'gone') return send(response, 404, errorXml('NoSuchUpload'));
    if (fault === 'error') return send(response, 500, errorXml('InternalError'));
    const [status, text] = perform(operation, key, query, body);
    if (fault === 'lost') {
      request.socket.destroy();
      return;
    }
    if (fault === 'stall') {
      response.writeHead(status, { 'content-length': Buffer.byteLength(text) });
      response.write(Buffer.from(text).subarray(0, Buffer.byteLength(text) / 2));
      return;
    }
    send(response, status, text);
  }

  function perform(
    operation: S3Operation,
    key: string,
    query: URLSearchParams,
    body: Buffer,
  ): [status: number, body: string | Buffer] {
    const uploadId = query.get('uploadId') ?? '';
    const uploaded = parts.get(uploadId);
    switch (operation) {
      case 'put':
        objects.set(key, body);
        return [200, ''];
      case 'get': {
        const content = objects.get(key);
        return content === undefined ? [404, errorXml('NoSuchKey')] : [200, content];
      }
      case 'delete':
        objects.delete(key);
        return [204, ''];
      case 'list':
        return [200, listXml(objects, query.get('prefix') ?? '')];
      case 'listUploads':
        return [200, uploadsXml(uploads, query.get('prefix') ?? '')];
      case 'createUpload': {
        const id = randomUUID();
        uploads.set(id, key);
        parts.set(id, new Map());
        return [200, `<R><UploadId>${id}</UploadId></R>`];
      }
      case 'abortUpload':
        parts.delete(uploadId);
        return uploads.delete(uploadId) ? [204, ''] : [404, errorXml('NoSuchUpload')];
      case 'uploadPart':
        if (uploaded === undefined) return [404, errorXml('NoSuchUpload')];
        partBytes += body.length;
        uploaded.set(Number(query.get('partNumber')), fake.discardsParts ? Buffer.alloc(0) : body);
        return [200, ''];
      case 'completeUpload': {
        if (uploaded === undefined) return [404, errorXml('NoSuchUpload')];
        const inOrder = [...uploaded].sort(([a], [b]) => a - b);
        const named = [...body.toString().matchAll(/<PartNumber>(\d+)</g)].map(([, n]) => Number(n));
        if (named.join() !== inOrder.map(([n]) => n).join()) return [400, errorXml('InvalidPart')];
        if (!fake.discardsParts && inOrder.slice(0, -1).some(([, part]) => part.length < 5 * 1024 * 1024)) {
          return [400, errorXml('EntityTooSmall')];
        }
        objects.set(key, Buffer.concat(inOrder.map(([, part]) => part)));
        uploads.delete(uploadId);
        parts.delete(uploadId);
        return [200, '<R></R>'];
      }
    }
  }

  const fake: FakeS3 = {
    endpoint,
    client,
    objects,
    uploads,
    calls,
    fault: () => null,
    discardsParts: false,
    get partBytes() {
      return partBytes;
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}

function operationOf(method: string, key: string, query: URLSearchParams): S3Operation {
  if (query.has('uploads')) return method === 'POST' ? 'createUpload' : 'listUploads';
  if (query.has('uploadId')) {
    if (method === 'PUT') return 'uploadPart';
    return method === 'POST' ? 'completeUpload' : 'abortUpload';
  }
  if (key === '') return 'list';
  if (method === 'PUT') return 'put';
  return method === 'DELETE' ? 'delete' : 'get';
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, status: number, body: string | Buffer): void {
  response.writeHead(status, { etag: '"1"', 'content-length': Buffer.byteLength(body) }).end(body);
}

const errorXml = (code: string) => `<Error><Code>${code}</Code><Message>${code}</Message></Error>`;

function listXml(objects: ReadonlyMap<string, Buffer>, prefix: string): string {
  const contents = [...objects]
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, { length }]) => `<Contents><Key>${key}</Key><Size>${length}</Size></Contents>`);
  return `<R><IsTruncated>false</IsTruncated>${contents.join('')}</R>`;
}

function uploadsXml(uploads: ReadonlyMap<string, string>, prefix: string): string {
  const open = [...uploads]
    .filter(([, key]) => key.startsWith(prefix))
    .map(([id, key]) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`);
  return `<R><IsTruncated>false</IsTruncated>${open.join('')}</R>`;
}
