import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { type BackupManifest, canonicalText, dataFile, type UnsealedManifest } from './manifest.js';

/** Apart from the keys of the files, which have salts of their own and another purpose. */
const PURPOSE = 'macro-store backup manifest';

/** With a key, a manifest gets a code (HMAC-SHA-256) that nobody else can make for another content. */
export function sealManifest(manifest: UnsealedManifest, encryptionKey: Uint8Array | null): BackupManifest {
  return {
    ...manifest,
    hmac: encryptionKey === null ? null : codeOf(manifest, encryptionKey).toString('hex'),
  };
}

/**
 * Whether whoever holds the key wrote it. Without a key no more can be told than that it leads to the file of its own
 * id, and to no other; with one, a manifest that says it is not encrypted does not pass, or its writer could put a
 * dump of his own in the place of ours.
 */
export function isSealed(manifest: BackupManifest, encryptionKey: Uint8Array | null): boolean {
  if (manifest.file !== dataFile(manifest.id)) return false;
  if (encryptionKey === null) return true;
  if (!manifest.encrypted || manifest.hmac === null) return false;
  return timingSafeEqual(Buffer.from(manifest.hmac, 'hex'), codeOf(manifest, encryptionKey));
}

function codeOf(manifest: UnsealedManifest, encryptionKey: Uint8Array): Buffer {
  const key = new Uint8Array(hkdfSync('sha256', encryptionKey, '', PURPOSE, 32));
  return createHmac('sha256', key).update(canonicalText(manifest)).digest();
}
