import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { pieces } from './pieces.js';

/**
 * AES-256-GCM in frames, so that neither side holds more than one. After a magic and a random salt, from which
 * each file gets a key of its own, come frames of 64 KiB and one last, shorter or empty. The nonce counts the
 * frames and marks the last: frames that were changed, moved, left out or cut off fail their tag.
 */
const MAGIC = Buffer.from('MSBKUP1\n', 'latin1');
const SALT_BYTES = 32;
const HEADER_BYTES = MAGIC.length + SALT_BYTES;
const FRAME_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

export const KEY_BYTES = 32;

/** What does not decrypt: changed, cut off, not ours, or under another key. */
export class UndecryptableError extends Error {
  override readonly name = 'UndecryptableError';
}

export async function* encryptFrames(
  chunks: AsyncIterable<Uint8Array>,
  key: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const salt = randomBytes(SALT_BYTES);
  const fileKey = deriveKey(key, salt);
  yield Buffer.concat([MAGIC, salt]);
  const frame = Buffer.allocUnsafeSlow(FRAME_BYTES);
  let index = 0;
  for await (const { bytes, isLast } of pieces(chunks, () => frame)) {
    const cipher = createCipheriv(ALGORITHM, fileKey, nonce(index, isLast));
    index += 1;
    yield cipher.update(bytes);
    cipher.final(); // of this mode it is empty, and makes the tag
    yield cipher.getAuthTag();
  }
}

/** @throws {UndecryptableError} before it gives anything that is not what was encrypted. */
export async function* decryptFrames(
  chunks: AsyncIterable<Uint8Array>,
  key: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const source = chunks[Symbol.asyncIterator]();
  try {
    const { header, rest } = await readHeader(source);
    const fileKey = deriveKey(key, header.subarray(MAGIC.length));
    const frame = Buffer.allocUnsafeSlow(FRAME_BYTES + TAG_BYTES);
    let index = 0;
    for await (const { bytes, isLast } of pieces(startingWith(rest, source), () => frame)) {
      yield decryptFrame(fileKey, nonce(index, isLast), bytes);
      index += 1;
    }
  } finally {
    await source.return?.(); // read by hand, it is closed by hand
  }
}

function decryptFrame(fileKey: Uint8Array, iv: Uint8Array, frame: Buffer): Uint8Array {
  if (frame.length < TAG_BYTES) throw new UndecryptableError('the last frame is cut off');
  const end = frame.length - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, fileKey, iv).setAuthTag(frame.subarray(end));
  const plain = decipher.update(frame.subarray(0, end));
  try {
    decipher.final();
  } catch (cause) {
    throw new UndecryptableError('a frame fails its tag', { cause });
  }
  return plain;
}

async function readHeader(source: AsyncIterator<Uint8Array>): Promise<{ header: Buffer; rest: Buffer }> {
  let read = Buffer.alloc(0);
  while (read.length < HEADER_BYTES) {
    const { value, done } = await source.next();
    if (done) throw new UndecryptableError('the header is cut off');
    read = Buffer.concat([read, value]);
  }
  if (!read.subarray(0, MAGIC.length).equals(MAGIC)) throw new UndecryptableError('not an encrypted backup');
  return { header: read.subarray(0, HEADER_BYTES), rest: read.subarray(HEADER_BYTES) };
}

async function* startingWith(
  first: Uint8Array,
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => source };
}

function deriveKey(key: Uint8Array, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, MAGIC, KEY_BYTES));
}

function nonce(index: number, isLast: boolean): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes.writeUIntBE(index, 5, 6);
  bytes.writeUInt8(isLast ? 1 : 0, 11);
  return bytes;
}
