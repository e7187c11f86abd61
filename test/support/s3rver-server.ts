import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import S3rver from 's3rver';
import { clientFor } from './fake-s3.js';

/** An S3 server from npm, with the empty bucket `backups`; its credentials are `S3RVER` twice. */
export interface S3rverServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly client: S3Client;
}

export async function startS3rver(): Promise<S3rverServer> {
  const folder = await mkdtemp(join(tmpdir(), 'macro-store-s3rver-'));
  const server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory: folder,
    configureBuckets: [{ name: 'backups' }],
  });
  const { port } = await server.run();
  const endpoint = `http://127.0.0.1:${port}`;
  const client = clientFor(endpoint);
  return {
    endpoint,
    client,
    async [Symbol.asyncDispose]() {
      client.destroy();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
