import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decryptFrames, encryptFrames, UndecryptableError } from '../../../src/backup/frame-encryption.js';

const KEY = randomBytes(32);
const FRAME_BYTES = 64 * 1024;
const SEALED_FRAME_BYTES = FRAME_BYTES + 16;
const HEADER_BYTES = 40;

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

const seal = (plain: Uint8Array) => collect(encryptFrames(inChunks(plain, 10_000), KEY));
const unseal = (sealed: Uint8Array, key: Uint8Array = KEY, size = 7_777) =>
  collect(decryptFrames(inChunks(sealed, size), key));

describe('encryptFrames', () => {
  test.each([0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES])(
    'gives %i bytes back, in chunks of any size',
    async (size) => {
      const plain = randomBytes(size);
      const sealed = await seal(plain);
      for (const chunk of [13, SEALED_FRAME_BYTES, 1_000_000]) {
        expect((await unseal(sealed, KEY, chunk)).equals(plain)).toBe(true);
      }
    },
  );

  test('never seals the same bytes alike', async () => {
    const plain = randomBytes(100);
    expect((await seal(plain)).equals(await seal(plain))).toBe(false);
  });
});

describe('decryptFrames', () => {
  test('refuses one flipped bit anywhere', async () => {
    const sealed = await seal(randomBytes(2 * FRAME_BYTES + 500));
    const places = [0, 9, HEADER_BYTES - 1, HEADER_BYTES, sealed.length - 1];
    for (let at = 50; at < sealed.length; at += 9_973) places.push(at);
    for (const at of places) {
      const flipped = Buffer.from(sealed);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      await expect(unseal(flipped), `at ${at}`).rejects.toThrow(UndecryptableError);
    }
  });

  test('refuses what was cut off, also between two frames', async () => {
    const sealed = await seal(randomBytes(2 * FRAME_BYTES));
    for (const end of [
      0,
      HEADER_BYTES - 1,
      HEADER_BYTES,
      HEADER_BYTES + SEALED_FRAME_BYTES,
      HEADER_BYTES + 2 * SEALED_FRAME_BYTES,
      sealed.length - 1,
    ]) {
      await expect(unseal(sealed.subarray(0, end)), `at ${end}`).rejects.toThrow(UndecryptableError);
    }
  });

  test('refuses frames in another order, twice, left out, or from another file', async () => {
    const frame = (file: Buffer, index: number) =>
      file.subarray(
        HEADER_BYTES + index * SEALED_FRAME_BYTES,
        HEADER_BYTES + (index + 1) * SEALED_FRAME_BYTES,
      );
    const plain = randomBytes(3 * FRAME_BYTES);
    const [a, b] = [await seal(plain), await seal(plain)];
    const header = a.subarray(0, HEADER_BYTES);
    const arrangements = [
      [frame(a, 1), frame(a, 0), frame(a, 2), frame(a, 3)],
      [frame(a, 0), frame(a, 0), frame(a, 2), frame(a, 3)],
      [frame(a, 0), frame(a, 2), frame(a, 3)],
      [frame(a, 0), frame(b, 1), frame(a, 2), frame(a, 3)],
      [frame(a, 0), frame(a, 1), frame(a, 2), frame(a, 3), frame(a, 3)],
    ];
    for (const frames of arrangements) {
      await expect(unseal(Buffer.concat([header, ...frames]))).rejects.toThrow(UndecryptableError);
    }
  });

  test('refuses another key', async () => {
    await expect(unseal(await seal(randomBytes(10)), randomBytes(32))).rejects.toThrow(UndecryptableError);
  });
});

test('decryptFrames closes what it reads from, also where that is no encrypted backup or nobody reads on', async () => {
  const closed: string[] = [];
  async function* source(name: string, bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    try {
      while (true) yield bytes;
    } finally {
      closed.push(name);
    }
  }
  await expect(collect(decryptFrames(source('other', randomBytes(100)), KEY))).rejects.toThrow(
    UndecryptableError,
  );
  const sealed = await seal(randomBytes(3 * FRAME_BYTES));
  for await (const _plain of decryptFrames(source('left', sealed), KEY)) break;
  expect(closed).toEqual(['other', 'left']);
});
