import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupDestination, StoredFile } from './backup-destination.js';

const PARTIAL = '.partial';

/**
 * A directory of this machine, made at the first backup; its files are for this user alone.
 *
 * A file is written beside its place, flushed to the disk, and then renamed. Keep it on another disk than the
 * database's, or better on another machine.
 */
export function directoryDestination(path: string): BackupDestination {
  const namesIn = async (prefix: string) => {
    const names = await readdir(path).catch(emptyIfAbsent);
    return names.filter((name) => name.startsWith(prefix));
  };
  return {
    async write(name, chunks, signal) {
      await mkdir(path, { recursive: true, mode: 0o700 });
      const partial = join(path, name + PARTIAL);
      try {
        await writeFlushed(partial, chunks, signal);
        await rename(partial, join(path, name));
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
      await flushDirectory(path);
    },

    read: (name, signal) => createReadStream(join(path, name), { signal, highWaterMark: 256 * 1024 }),

    async list(prefix) {
      const files: StoredFile[] = [];
      for (const name of await namesIn(prefix)) {
        if (name.endsWith(PARTIAL)) continue;
        const found = await stat(join(path, name)).catch(nullIfAbsent);
        if (found?.isFile()) files.push({ name, bytes: found.size });
      }
      return files;
    },

    async delete(name) {
      await rm(join(path, name), { force: true });
    },

    async discardUnfinished(prefix) {
      for (const name of await namesIn(prefix)) {
        if (name.endsWith(PARTIAL)) await rm(join(path, name), { force: true });
      }
    },
  };
}

async function writeFlushed(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      await file.writeFile(chunk); // goes on where the last one ended
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A rename is on the disk when its directory is. */
async function flushDirectory(path: string): Promise<void> {
  let directory: FileHandle;
  try {
    directory = await open(path, 'r');
  } catch (error) {
    if (process.platform === 'win32') return; // opens no directories, and needs no flush
    throw error;
  }
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function emptyIfAbsent(error: unknown): string[] {
  if (isAbsent(error)) return [];
  throw error;
}

function nullIfAbsent(error: unknown): null {
  if (isAbsent(error)) return null;
  throw error;
}
