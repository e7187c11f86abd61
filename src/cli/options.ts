import { parseArgs } from 'node:util';

/** A command line that cannot be run as it is; the message says what to write instead. */
export class UsageError extends Error {}

export interface OptionSpec {
  /** What stands for its value in the help, e.g. `<n>`; a flag has none. */
  readonly value?: string;
  readonly short?: string;
  readonly help: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What every command knows. */
export const COMMON_OPTIONS = {
  url: {
    value: '<url>',
    help: 'postgresql://user@host/database; better DATABASE_URL, which no process list shows',
  },
  'redis-url': { value: '<url>', help: 'redis://host or rediss://host; better REDIS_URL' },
  config: {
    value: '<file>',
    help: 'a configuration in JSON; default macro-store.config.json, where there is one',
  },
  dimensions: { value: '<n>', help: 'numbers in an embedding; default 1536' },
  column: { value: '<type>', help: 'vector or halfvec; default vector' },
  model: { value: '<name>', help: 'the embedding model, once vectors were embedded again with another' },
  json: { help: 'the result as JSON on stdout, and no progress' },
  version: { help: 'the version of this program, and nothing else' },
  help: { short: 'h', help: 'what the command does, with examples' },
} as const satisfies OptionSpecs;

type Values = Readonly<Record<string, string | boolean | undefined>>;

/** The options of one call, read with their checks. */
export class GivenOptions {
  readonly #values: Values;

  constructor(values: Values) {
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** Names between commas. */
  list(name: string): readonly string[] | undefined {
    return this.text(name)?.split(',');
  }

  /** The bounds of a number are left to those who use it, which name the field. */
  wholeNumber(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw new UsageError(`--${name} must be a whole number`);
  }

  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^-?\d{1,9}(\.\d{1,9})?$/.test(text)) return Number(text);
    throw new UsageError(`--${name} must be a number`);
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    return choiceOf(`--${name}`, text, choices);
  }
}

/** @throws {UsageError} naming `what` and the choices. */
export function choiceOf<T extends string>(
  what: string,
  given: string | undefined,
  choices: readonly T[],
): T {
  const choice = choices.find((known) => known === given);
  if (choice !== undefined) return choice;
  throw new UsageError(`${what} must be one of ${choices.join(', ')}`);
}

export interface ParsedLine {
  /** What is no option: the command, and what follows it. */
  readonly words: readonly string[];
  readonly options: GivenOptions;
}

/** @throws {UsageError} */
export function parseLine(args: readonly string[], specs: OptionSpecs): ParsedLine {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      options: Object.fromEntries(
        Object.entries(specs).map(([name, { value, short }]) => [
          name,
          { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short && { short }) },
        ]),
      ),
      allowPositionals: true,
    });
    return { words: positionals, options: new GivenOptions(values as Values) };
  } catch (error) {
    // Node's message names the option, and may quote what follows it, but not a value given with `=`.
    const reason = error instanceof Error && 'code' in error ? String(error.code) : '';
    const option = reason === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? unknownOption(args, specs) : undefined;
    throw new UsageError(
      option === undefined ? 'an option lacks its value, or has one too many' : `unknown option ${option}`,
    );
  }
}

function unknownOption(args: readonly string[], specs: OptionSpecs): string | undefined {
  const known = new Set([...Object.keys(specs).map((name) => `--${name}`), '-h', '--']);
  // Without what follows it: `-psecret` is a password to whoever wrote it.
  const nameOf = (arg: string) => (arg.startsWith('--') ? (arg.split('=', 1)[0] ?? '') : arg.slice(0, 2));
  return args.map(nameOf).find((name) => name.startsWith('-') && !known.has(name));
}
