import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { BackupDestination } from '../../src/backup/backup-destination.js';
import type { Backups, BackupsConfig } from '../../src/backup/backups.js';
import { createBackups } from '../../src/backup/create-backups.js';
import { directoryDestination } from '../../src/backup/directory-destination.js';
import type { MacroStore } from '../../src/create-macro-store.js';
import { anEmbedding, createServerStore, createUserWithChat, must } from './builders.js';
import type { TestDatabase } from './test-database.js';

export const KEY = Buffer.alloc(32, 7);

export interface BackupGround extends AsyncDisposable {
  readonly store: MacroStore;
  readonly database: TestDatabase;
  readonly userId: string;
  readonly folder: string;
  readonly destination: BackupDestination;
  /** All files at the destination, sorted. */
  files(): Promise<readonly string[]>;
  backups(with_?: Partial<BackupsConfig>): Backups;
  /** Those that verifications of this database use or have left, not those that other tests use on the same server. */
  scratchDatabases(): Promise<readonly string[]>;
}

/** A store with rows of random numbers, which no compression makes small, and a directory to back it up to. */
export async function createBackupGround({ vectors = 200 } = {}): Promise<BackupGround> {
  const { store, database } = await createServerStore({ embedding: { dimensions: 64, column: 'vector' } });
  const { userId, chatId } = await createUserWithChat(store);
  const rows = Array.from({ length: vectors }, (_, index) => ({
    chatId,
    content: `text ${index}`,
    embedding: anEmbedding(index, 64),
  }));
  await must(store.vectors.insertMany({ userId, vectors: rows }));
  const folder = await mkdtemp(join(tmpdir(), 'macro-store-backups-'));
  const destination = directoryDestination(folder);
  return {
    store,
    database,
    userId,
    folder,
    destination,
    files: async () => (await readdir(folder)).sort(),
    backups: (with_ = {}) => createBackups(backupsConfig(database.url, { destination, ...with_ })),
    async scratchDatabases() {
      const found = await database.query<{ name: string }>(`select datname as name from pg_database
        where datname ~ '^macro_store_verify_[0-9a-f]{16}$' and not exists (select from pg_locks l
          where locktype = 'advisory' and objid = hashtext(datname)::oid
            and l.database <> (select oid from pg_database where datname = current_database()))`);
      return found.map(({ name }) => name);
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Hex digits of chance, 32 kB a row: half their size compressed, so that a dump is larger than a pipe. */
export async function addNoise({ database }: BackupGround, rows: number): Promise<void> {
  await database.query(`create table noise as
    select n, (select string_agg(md5(random()::text || n || m), '') from generate_series(1, 1000) as m) as text
    from generate_series(1, ${rows}) as n`);
}

function backupsConfig(
  url: string,
  with_: Partial<BackupsConfig> & Pick<BackupsConfig, 'destination'>,
): BackupsConfig {
  const pgBinDirectory = inject('postgresBinDir');
  return {
    database: { url },
    name: 'chat',
    ...(pgBinDirectory === undefined ? {} : { pgBinDirectory }),
    ...with_,
  };
}

/** Names and contents: for "nothing was touched". */
export async function contentsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(folder)).sort();
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, (await readFile(join(folder, name))).toString('base64')] as const),
    ),
  );
}

/** Changes one file in place. */
export async function rewrite(path: string, change: (content: Buffer) => Buffer): Promise<void> {
  await writeFile(path, change(await readFile(path)));
}

export const flipByte = (at: number) => (content: Buffer) => {
  const changed = Buffer.from(content);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
};
