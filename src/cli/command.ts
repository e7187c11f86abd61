import type { ResultAsync } from 'neverthrow';
import type { MacroStoreConfig } from '../config.js';
import type { MacroStore } from '../create-macro-store.js';
import type { StoreError } from '../errors.js';
import type { GivenOptions, OptionSpecs } from './options.js';

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Of a terminal, in characters. */
  readonly columns?: number;
}

/** Where a command line runs: what it reads, and where it writes. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Where relative paths begin, and where the configuration file is looked for. */
  readonly directory: string;
  /** Results. */
  readonly stdout: Output;
  /** Progress and errors. */
  readonly stderr: Output;
  readonly now: () => number;
  /** Ends the command, and what it had the server do. */
  readonly signal?: AbortSignal;
}

/** One command as it was called. */
export interface Call extends Surroundings {
  /** What followed the command and is no option. */
  readonly words: readonly string[];
  readonly options: GivenOptions;
  readonly config: MacroStoreConfig;
  /** Of that configuration; closed after the command. It connects with its first use. */
  readonly store: MacroStore;
  /** The result as JSON, and no progress. */
  readonly json: boolean;
}

/** One command: what it gives is printed as JSON, or as the lines that `describe` makes of it. */
export interface Command<T = unknown> {
  /** One line in the list of commands. */
  readonly summary: string;
  /** What follows its name, e.g. `"<question>" --user <id>`. */
  readonly usage: string;
  /** How many words it takes at most; default none. */
  readonly maxWords?: number;
  /** What one has to know to use it, in paragraphs. */
  readonly about: readonly string[];
  /** Those of its own, beside the ones that every command knows. */
  readonly options: OptionSpecs;
  /** What follows `macro-store` in each, and what that does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** When it ends with 1, where that is not just a failure. */
  readonly fails?: string;
  run(call: Call): ResultAsync<T, StoreError>;
  /** `width`: characters a line may have at most; `null`: as many as it takes. */
  describe(result: T, width: number | null): readonly string[];
  /** Whether what was found is a failure, although the command ran. */
  isFailure?(result: T): boolean;
}
