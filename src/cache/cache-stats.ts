/**
 * What the cache did since it was made. Each call of `get`, `getOrSet` and `getOrSetMany`, and each key of a
 * call for many, counts once: as a hit of one kind or as a miss. `peek` and `take` do not count.
 */
export interface CacheStats {
  readonly memoryHits: number;
  readonly redisHits: number;
  /** Hits whose value was past its `ttlSeconds`, within `staleSeconds`. */
  readonly staleServed: number;
  readonly misses: number;
  /** Calls of loaders, for one key or many. */
  readonly loads: number;
  /** Of these, those that threw or gave an `Err`. */
  readonly failedLoads: number;
  /** Calls that waited for another call's read or load of the same key, in this process. */
  readonly sharedLoads: number;
  /** Loaded values that were returned but not stored: overtaken by a write, too large, or not to be stored. */
  readonly refusedFills: number;
  /** Changes of values and tags, by others or by Redis itself, that this process was told of. */
  readonly invalidations: number;
  /** Commands that Redis did not answer in time, or with an error. Calls spared while it is down do not count. */
  readonly redisFailures: number;
  /** `off`: this cache has no Redis. `down`: it was out of reach when last tried, and is being probed. */
  readonly redis: 'off' | 'up' | 'down';
  /**
   * What keeps memory in step with other processes. `tracking`: Redis tells of every change. `publish`: other
   * processes tell of theirs; what Redis expires or evicts is not told of. `nothing`: not yet, or not at the moment;
   * memory is used only while Redis is down. `off`: this cache has no Redis.
   */
  readonly coherence: 'off' | 'tracking' | 'publish' | 'nothing';
  /** Values in memory, expired ones included until they are met or pushed out. */
  readonly entries: number;
  /** Bytes in memory, about: keys, values, and 256 bytes an entry for the index. */
  readonly bytes: number;
}
