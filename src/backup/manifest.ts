import { z } from 'zod';
import { type DatabaseLocale, databaseLocale } from './database-locale.js';

const table = z.object({ schema: z.string(), name: z.string(), rows: z.int().min(0) });

const SHA256 = /^[0-9a-f]{64}$/;

const unsealed = z.object({
  format: z.literal(1),
  id: z.string(),
  name: z.string(),
  createdAt: z.iso.datetime(),
  file: z.string(),
  bytes: z.int().min(0),
  sha256: z.string().regex(SHA256),
  encrypted: z.boolean(),
  versions: z.object({ server: z.string(), pgDump: z.string(), library: z.string() }),
  locale: databaseLocale,
  migrations: z.array(z.string()),
  embedding: z.object({ column: z.enum(['vector', 'halfvec']), dimensions: z.int().min(1) }).nullable(),
  tables: z.array(table),
  indexes: z.int().min(0),
  constraints: z.int().min(0),
  unvalidatedConstraints: z.int().min(0),
});

const manifest = unsealed.extend({ hmac: z.string().regex(SHA256).nullable() });

/** What is known of a backup. It is stored last, so a backup with a manifest is complete. */
export interface BackupManifest {
  readonly format: 1;
  readonly id: string;
  /** Of the database, as configured. */
  readonly name: string;
  /** When the dump began, as ISO 8601 in UTC. It holds all that was committed before, and nothing later. */
  readonly createdAt: string;
  /** The file of the dump at the destination. */
  readonly file: string;
  /** Of the file as stored: compressed and, where it is, encrypted. */
  readonly bytes: number;
  readonly sha256: string;
  readonly encrypted: boolean;
  readonly versions: { readonly server: string; readonly pgDump: string; readonly library: string };
  /** Of the database: one with the same is made for it to be restored into. */
  readonly locale: DatabaseLocale;
  /** Ids of the store's migrations that were applied, in order. */
  readonly migrations: readonly string[];
  readonly embedding: { readonly column: 'vector' | 'halfvec'; readonly dimensions: number } | null;
  /** Every table of the dump with its exact number of rows. */
  readonly tables: readonly BackedUpTable[];
  /** Valid indexes of these tables. */
  readonly indexes: number;
  /** Checks, keys, foreign keys and exclusions of these tables. */
  readonly constraints: number;
  /** Those of them that are declared `NOT VALID`. */
  readonly unvalidatedConstraints: number;
  /** Over all the rest, by a key from the encryption key; `null` without one. */
  readonly hmac: string | null;
}

export type UnsealedManifest = Omit<BackupManifest, 'hmac'>;

export interface BackedUpTable {
  readonly schema: string;
  readonly name: string;
  readonly rows: number;
}

export const MANIFEST_ENDING = '.manifest.json';
const DATA_ENDING = '.dump';

/** What the names of one database's files begin with; `--` is in no name. */
export const filePrefix = (name: string) => `${name}--`;
export const manifestFile = (id: string) => id + MANIFEST_ENDING;
export const dataFile = (id: string) => id + DATA_ENDING;
/** The files of that one of several databases of a name; their origin tells them apart. */
export const originPrefix = (name: string, origin: string) => `${filePrefix(name)}${origin}-`;
/** Of a backup, published or not; somebody else's file may end so too. */
export const isDataFile = (file: string) => /--[0-9a-f]{8}-\d{8}T\d{6}Z-[0-9a-f]{8}\.dump$/.test(file);
export const idOfFile = (file: string) =>
  file.slice(0, file.lastIndexOf(file.endsWith(MANIFEST_ENDING) ? MANIFEST_ENDING : DATA_ENDING));

/** Those of one database sort by time; the random end tells two of one second apart. */
export function newBackupId(prefix: string, createdAt: Date, random: string): string {
  const time = createdAt.toISOString().replace(/[-:]|\.\d+/g, '');
  return `${prefix}${time}-${random}`;
}

/** The same text for the same content, in whatever order and with whatever blanks it was stored; without the code. */
export function canonicalText(given: UnsealedManifest): string {
  return JSON.stringify(unsealed.parse(given)); // its fields come in the order of the schema
}

/** A stored manifest, or `null` for what is none, is another version's or is not of this name. */
export function parseManifest(text: string, name: string): BackupManifest | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = manifest.safeParse(value);
  return parsed.success && parsed.data.name === name ? parsed.data : null;
}
