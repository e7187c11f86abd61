/** One file at a destination. */
export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
}

/**
 * Where backups are kept. Names hold letters, digits, `.`, `_` and `-` only.
 *
 * What is written must not be listed or readable under its name before all of it is there, and stays when the
 * machine loses power after. A write that rejects leaves nothing behind, if the destination is in reach.
 */
export interface BackupDestination {
  /** Takes the whole of `chunks` or rejects; rejects when `chunks` throws or the signal fires. */
  write(name: string, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** Rejects, at once or from the iteration, for what is not there. */
  read(name: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Complete files whose names begin so, in any order. */
  list(prefix: string): Promise<readonly StoredFile[]>;
  /** No error where there is none. */
  delete(name: string): Promise<void>;
  /** Removes what killed writers left of names that begin so: partial files, open uploads. Nobody writes them now. */
  discardUnfinished(prefix: string): Promise<void>;
}
