import { resolve } from 'node:path';
import { type BackupDestination, directoryDestination, s3Destination } from '../backup/index.js';
import type { Call } from './command.js';
import { UsageError } from './options.js';

const S3_URL = /^s3:\/\/([^/]+)\/?(.*)$/;

/** A directory, or `s3://bucket/prefix`, whose credentials, region and endpoint the SDK takes from its own variables. */
export async function openDestination({ options, env, directory }: Call): Promise<BackupDestination> {
  const given = options.text('to') ?? env['MACRO_STORE_BACKUP_DESTINATION'];
  if (!given) {
    throw new UsageError('backup: where are they? Set MACRO_STORE_BACKUP_DESTINATION, or give --to');
  }
  const [, bucket, folder = ''] = S3_URL.exec(given) ?? [];
  if (bucket === undefined) return directoryDestination(resolve(directory, given));
  // As a folder: `chat` must not be the beginning of the names in `chat2`.
  const prefix = folder === '' || folder.endsWith('/') ? folder : `${folder}/`;
  const { S3Client } = await loadSdk();
  // A service of one's own, named by AWS_ENDPOINT_URL_S3, seldom has a host name for each bucket.
  const forcePathStyle = Boolean(env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL']);
  return s3Destination({ client: new S3Client({ forcePathStyle }), bucket, prefix });
}

/** 32 bytes as 64 hexadecimal digits. From the environment alone: a list of processes shows options. */
export function encryptionKeyOf({ env }: Call): Uint8Array | undefined {
  const text = env['MACRO_STORE_BACKUP_KEY'];
  if (!text) return undefined;
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  throw new UsageError('MACRO_STORE_BACKUP_KEY must be 64 hexadecimal digits, e.g. of: openssl rand -hex 32');
}

async function loadSdk() {
  try {
    return await import('@aws-sdk/client-s3');
  } catch {
    throw new UsageError('a destination s3://… needs a package: npm install @aws-sdk/client-s3');
  }
}
