import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ResultAsync } from 'neverthrow';
import { type StoreError, storeError } from '../errors.js';
import type { Call } from './command.js';
import { parseJson } from './configuration.js';
import { UsageError } from './options.js';

/** The vector of the question: from a file, or by the caller's own model; `null` where neither was named. */
export function embedQuestion(
  { options, env, directory }: Call,
  question: string,
): ResultAsync<readonly number[] | null, StoreError<'callback-threw'>> {
  const file = options.text('embedding');
  const modulePath = options.text('embed-module') ?? env['MACRO_STORE_EMBED_MODULE'];
  const read = async () => {
    if (file !== undefined) return readEmbedding(resolve(directory, file));
    if (!modulePath) return null;
    const embed = await loadEmbed(resolve(directory, modulePath));
    return embedBy(embed, question);
  };
  return ResultAsync.fromPromise(read(), (error) => {
    if (error instanceof UsageError) throw error;
    return storeError('callback-threw', 'cli.search', 'embed() of the module threw', {}, error);
  });
}

async function readEmbedding(path: string): Promise<readonly number[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--embedding cannot be read${codeOf(error)}`);
  }
  const embedding = numbersOf(parseJson(text));
  if (embedding !== null) return embedding;
  throw new UsageError('--embedding must be a file with a JSON array of numbers, or {"embedding": [...]}');
}

type Embed = (text: string) => unknown;

async function loadEmbed(path: string): Promise<Embed> {
  let loaded: { embed?: unknown; default?: { embed?: unknown } };
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new UsageError(`--embed-module cannot be loaded${codeOf(error)}`);
  }
  // A CommonJS module has its exports under `default`.
  const embed = loaded.embed ?? loaded.default?.embed;
  if (typeof embed === 'function') return embed as Embed;
  throw new UsageError('--embed-module must export a function embed(text) that gives numbers');
}

async function embedBy(embed: Embed, question: string): Promise<readonly number[]> {
  const embedding = numbersOf(await embed(question));
  if (embedding !== null) return embedding;
  throw new UsageError('embed(text) of --embed-module must give an array of numbers, or a promise of one');
}

function numbersOf(value: unknown): readonly number[] | null {
  if (value instanceof Float32Array) return [...value];
  const list = typeof value === 'object' && value !== null && 'embedding' in value ? value.embedding : value;
  return Array.isArray(list) && list.every((item) => typeof item === 'number') ? list : null;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${error.code})` : '';
}
