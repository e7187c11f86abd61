import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BackupDestination } from '../../src/backup/backup-destination.js';

const MIB = 1024 * 1024;
const open = new AbortController().signal;

/** What every {@link BackupDestination} promises. */
export function backupDestinationContract(
  name: string,
  make: () => Promise<{ destination: BackupDestination } & AsyncDisposable>,
): void {
  describe(`a backup destination: ${name}`, () => {
    let made: Awaited<ReturnType<typeof make>>;
    let destination: BackupDestination;
    beforeEach(async () => {
      made = await make();
      destination = made.destination;
    });
    afterEach(() => made[Symbol.asyncDispose]());

    async function* chunksOf(content: Buffer, size = 100_000): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
    }
    const readBack = async (file: string) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of destination.read(file, open)) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    const names = async (prefix: string) => (await destination.list(prefix)).map((file) => file.name).sort();

    test.each([0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 17 * MIB])(
      'gives %i bytes back as they were written',
      async (size) => {
        const content = randomBytes(size);
        await destination.write('a--1.dump', chunksOf(content), open);
        expect((await readBack('a--1.dump')).equals(content)).toBe(true);
        expect(await destination.list('a--')).toEqual([{ name: 'a--1.dump', bytes: size }]);
      },
    );

    test.each([1, 5 * MIB + 1, 12 * MIB])(
      'keeps nothing of a source that throws after %i bytes, and gives its error',
      async (size) => {
        async function* broken(): AsyncGenerator<Uint8Array> {
          yield* chunksOf(randomBytes(size));
          throw new Error('the source broke');
        }
        await expect(destination.write('a--1.dump', broken(), open)).rejects.toThrow('the source broke');
        expect(await destination.list('')).toEqual([]);
      },
    );

    test('keeps nothing of an aborted write', async () => {
      const stop = new AbortController();
      async function* endless(): AsyncGenerator<Uint8Array> {
        for (let n = 0; ; n += 1) {
          if (n === 40) stop.abort();
          yield randomBytes(256 * 1024);
        }
      }
      await expect(destination.write('a--1.dump', endless(), stop.signal)).rejects.toThrow();
      expect(await destination.list('')).toEqual([]);
    });

    test('lists by the beginning of the name, and deletes one, there or not', async () => {
      for (const file of ['a--1.dump', 'a--2.dump', 'b--1.dump']) {
        await destination.write(file, chunksOf(Buffer.from('x')), open);
      }
      expect(await names('a--')).toEqual(['a--1.dump', 'a--2.dump']);
      await destination.delete('a--1.dump');
      await destination.delete('a--1.dump');
      expect(await names('')).toEqual(['a--2.dump', 'b--1.dump']);
    });

    test('rejects to read what is not there, and lists nothing where nothing was written', async () => {
      await expect(readBack('a--1.dump')).rejects.toThrow();
      expect(await destination.list('')).toEqual([]);
      await destination.discardUnfinished('');
    });
  });
}
