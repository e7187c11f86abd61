import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { MacroStoreConfig } from '../config.js';
import type { Surroundings } from './command.js';
import { type GivenOptions, UsageError } from './options.js';

const DEFAULT_FILE = 'macro-store.config.json';

type Section = Readonly<Record<string, unknown>>;
type Source = Pick<Surroundings, 'env' | 'directory'>;

/**
 * The configuration of a call: options before variables before the file.
 *
 * What leads to a server belongs together. A URL from an option or a variable takes the place of all of that in
 * the file, so that `--url` never migrates over the file's `migrationUrl`, nor takes over its `tls: false`.
 *
 * @throws {UsageError}
 */
export async function readConfiguration(options: GivenOptions, source: Source): Promise<MacroStoreConfig> {
  const file = await readConfigFile(options, source);
  const database = databaseOf(options, source.env, section(file['database']));
  const redis = redisOf(options, source.env, file['redis']);
  const embedding = embeddingOf(options, source.env, section(file['embedding']));
  const config: Section = { ...file, database, ...(redis !== undefined && { redis }), embedding };
  // Whether it fits is told by createMacroStore, with every mistake by its path.
  return config as MacroStoreConfig;
}

function databaseOf(options: GivenOptions, env: NodeJS.ProcessEnv, file: Section): Section {
  const option = options.text('url');
  const url = option ?? set(env['DATABASE_URL']);
  if (url === undefined) {
    if ('url' in file || 'embedded' in file) return file;
    throw new UsageError('which database? Set DATABASE_URL, or give --url or --config');
  }
  const { url: _url, migrationUrl: _direct, tls: _tls, pooler: _pooler, embedded: _embedded, ...rest } = file;
  const migrationUrl = option === undefined ? set(env['MACRO_STORE_MIGRATION_URL']) : undefined;
  const pooler = option === undefined ? set(env['MACRO_STORE_POOLER']) : undefined;
  return {
    ...rest,
    url,
    ...(migrationUrl !== undefined && { migrationUrl }),
    ...(pooler !== undefined && { pooler }),
  };
}

function redisOf(options: GivenOptions, env: NodeJS.ProcessEnv, file: unknown): unknown {
  const url = options.text('redis-url') ?? set(env['REDIS_URL']);
  const keyPrefix = set(env['MACRO_STORE_REDIS_PREFIX']);
  const prefix = keyPrefix !== undefined && { keyPrefix };
  // Without Redis there are no keys.
  if (url === undefined) return file === undefined ? undefined : { ...section(file), ...prefix };
  const { keyPrefix: prefixOfFile, commandTimeoutMillis } = section(file);
  return {
    url,
    ...(prefixOfFile !== undefined && { keyPrefix: prefixOfFile }),
    ...(commandTimeoutMillis !== undefined && { commandTimeoutMillis }),
    ...prefix,
  };
}

function embeddingOf(options: GivenOptions, env: NodeJS.ProcessEnv, file: Section): Section {
  const dimensions = options.wholeNumber('dimensions') ?? wholeNumber(env, 'MACRO_STORE_DIMENSIONS');
  const column = options.oneOf('column', ['vector', 'halfvec']) ?? set(env['MACRO_STORE_COLUMN']);
  const model = options.text('model') ?? set(env['MACRO_STORE_MODEL']);
  return {
    ...file,
    ...(dimensions !== undefined && { dimensions }),
    ...(column !== undefined && { column }),
    ...(model !== undefined && { model }),
  };
}

async function readConfigFile(options: GivenOptions, { env, directory }: Source): Promise<Section> {
  const named = options.text('config') ?? set(env['MACRO_STORE_CONFIG']);
  const name = named ?? DEFAULT_FILE;
  let text: string;
  try {
    text = await readFile(resolve(directory, name), 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    if (named === undefined && code === 'ENOENT') return {};
    throw new UsageError(`the configuration file cannot be read (${code})`);
  }
  // The parser's own message quotes the file, in which there may be a password.
  const content = parseJson(text);
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content as Section;
  throw new UsageError(`the configuration file must hold one JSON object, e.g. {"database":{"url":"…"}}`);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function section(value: unknown): Section {
  return typeof value === 'object' && value !== null ? (value as Section) : {};
}

/** A variable that is set to nothing is not set. */
function set(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function wholeNumber(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = set(env[name]);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`${name} must be a whole number`);
}
