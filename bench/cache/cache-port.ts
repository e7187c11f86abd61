import type { ResultAsync } from 'neverthrow';

/** A cache as an application has it: in memory, in Redis, and in front of what it loads from. */
export interface OpenCache {
  /** The key's value, wherever it comes from. Rejects when the cache's own call fails or says so. */
  read(key: string): Promise<unknown>;
  /** That call as its users write it, with nothing of ours around it: for timing. */
  call(key: string): Answer;
  /** The values of many keys, those that are missing loaded by one call; only where the cache has a way. */
  readMany?(keys: readonly string[]): Promise<ReadonlyMap<string, unknown>>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  tagged?: TaggedCalls;
  /** The value, which is removed. */
  take?(key: string): Promise<unknown>;
  /** The value that memory has, without a promise. */
  peek?(key: string): unknown;
  close(): Promise<void>;
}

type Answer = PromiseLike<unknown> | ResultAsync<unknown, unknown>;

interface TaggedCalls {
  read(key: string, tag: string): Promise<unknown>;
  call(key: string, tag: string): Answer;
  invalidate(tag: string): Promise<void>;
}

export interface CacheOptions {
  readonly redisUrl: string;
  /** `both` is how one would use it; one alone is for measuring that one. Default: `both`. */
  readonly tiers?: 'both' | 'memory' | 'redis';
  /** What the cache is in front of. */
  load(key: string): Promise<unknown>;
  loadMany?(keys: readonly string[]): Promise<ReadonlyMap<string, unknown>>;
  /** Default: ten minutes. */
  readonly ttlMs?: number;
  /** For how long after that a value may be served while a new one is loaded, where the cache can do that. Default: 0. */
  readonly staleMs?: number;
  /** Whether `tagged` is used: for caches where it costs something, or is a thing apart. Default: `false`. */
  readonly hasTags?: boolean;
  /** Values that memory has room for. Default: 100,000. */
  readonly memoryEntries?: number;
  /** The same for those that count in bytes. Default: 256 MB. */
  readonly memoryBytes?: number;
}

export interface CacheKind {
  readonly name: string;
  open(options: CacheOptions): Promise<OpenCache>;
}

export function filled(options: CacheOptions): Required<CacheOptions> {
  return {
    tiers: 'both',
    ttlMs: 600_000,
    staleMs: 0,
    hasTags: false,
    memoryEntries: 100_000,
    memoryBytes: 256 * 1024 * 1024,
    loadMany: async (keys) =>
      new Map(await Promise.all(keys.map(async (key) => [key, await options.load(key)] as const))),
    ...options,
  };
}
