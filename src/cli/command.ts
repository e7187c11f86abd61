import type { ResultAsync } from 'neverthrow';
import type { MigrateError } from '../migrations/index.js';
import type { EmbeddingColumn } from '../schema/embedding-shape.js';

/** What the command line said, once it was understood. */
export interface Settings {
  readonly url: string;
  readonly embedding: { readonly dimensions?: number; readonly column?: EmbeddingColumn };
  readonly skipHnsw: boolean;
  /** The result as JSON, and no progress. */
  readonly json: boolean;
}

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Where a command writes: results to one, progress and errors to the other. */
export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** One command: what it gives is printed as JSON, or as the lines that `describe` makes of it. */
export interface Command<T = unknown> {
  readonly summary: string;
  run(settings: Settings, streams: Streams): ResultAsync<T, MigrateError>;
  describe(result: T): readonly string[];
}
