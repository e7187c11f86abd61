import { parseArgs } from 'node:util';
import type { EmbeddingColumn } from '../schema/embedding-shape.js';
import type { Settings } from './command.js';

/** A command line that cannot be run as it is; the message says what to write instead. */
export class UsageError extends Error {}

const OPTIONS = {
  url: { type: 'string' },
  dimensions: { type: 'string' },
  column: { type: 'string' },
  'skip-hnsw': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface ParsedLine {
  readonly command: string | undefined;
  readonly wantsHelp: boolean;
  /** Apart, since `--help` needs none of them. */
  settings(env: NodeJS.ProcessEnv): Settings;
}

/** @throws {UsageError} */
export function parseLine(args: readonly string[]): ParsedLine {
  const { positionals, values } = parse(args);
  const [command, ...more] = positionals;
  if (more.length > 0) throw new UsageError('one command at a time');
  return {
    command,
    wantsHelp: values.help ?? false,
    settings: (env) => ({
      url: urlOf(values.url ?? env['DATABASE_URL']),
      embedding: {
        ...(values.dimensions === undefined ? {} : { dimensions: wholeNumber(values.dimensions) }),
        ...(values.column === undefined ? {} : { column: columnOf(values.column) }),
      },
      skipHnsw: values['skip-hnsw'] ?? false,
      json: values.json ?? false,
    }),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    // Node's message names the option, and may quote what follows it, but not a value given with `=`.
    const reason = error instanceof Error && 'code' in error ? String(error.code) : '';
    const option = reason === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? unknownOption(args) : undefined;
    throw new UsageError(
      option === undefined ? 'an option lacks its value, or has one too many' : `unknown option ${option}`,
    );
  }
}

function unknownOption(args: readonly string[]): string | undefined {
  const known = new Set([...Object.keys(OPTIONS).map((name) => `--${name}`), '-h']);
  return args.map((arg) => arg.split('=', 1)[0] ?? '').find((arg) => arg.startsWith('-') && !known.has(arg));
}

function urlOf(url: string | undefined): string {
  if (url) return url;
  throw new UsageError('which database? Set DATABASE_URL, or give --url');
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError('--dimensions must be a whole number above 0');
}

function columnOf(text: string): EmbeddingColumn {
  if (text === 'vector' || text === 'halfvec') return text;
  throw new UsageError('--column must be vector or halfvec');
}
