import { DEFAULTS } from '../config.js';
import type { Telemetry } from '../telemetry.js';
import { CacheCounts } from './cache-counts.js';
import { GrantedLoads } from './granted-loads.js';
import { Loading } from './loading.js';
import { MemoryTier } from './memory-tier.js';
import { ReadThrough } from './read-through.js';
import { ReadThroughMany } from './read-through-many.js';
import type { RedisTier } from './redis-tier.js';
import { TwoLevelStore } from './two-level-store.js';

export interface CacheServiceOptions {
  /** Bound on memory, see `CacheStats.bytes`. */
  readonly memoryMaxBytes: number;
  /** `null`: memory only. */
  readonly redis: RedisTier | null;
  readonly clock: () => number;
  readonly telemetry: Telemetry;
  readonly values?: 'frozen' | 'copied';
  /** Payloads above this are compressed in Redis. */
  readonly compressAboveBytes?: number;
  /** Loads at a time while no lease keeps other processes from the same. */
  readonly maxUnsharedLoads?: number;
}

/** What all namespaces of one cache share. */
export interface CacheParts {
  readonly memory: MemoryTier;
  readonly redis: RedisTier | null;
  readonly store: TwoLevelStore;
  readonly loading: Loading;
  readonly readThrough: ReadThrough;
  readonly readThroughMany: ReadThroughMany;
  readonly counts: CacheCounts;
  readonly compressAboveBytes: number;
  isClosed: boolean;
}

export function makeCacheParts({
  memoryMaxBytes,
  redis,
  clock,
  telemetry,
  compressAboveBytes = DEFAULTS.cache.compressAboveBytes,
  maxUnsharedLoads = DEFAULTS.cache.maxUnsharedLoads,
}: CacheServiceOptions): CacheParts {
  const memory = new MemoryTier({ maxBytes: memoryMaxBytes, clock });
  const store = new TwoLevelStore({ memory, redis, telemetry });
  const counts = new CacheCounts();
  const loading = new Loading({ store, counts, compressAboveBytes });
  const loads = new GrantedLoads({ store, redis, loading, maxUnsharedLoads });
  const readThrough = new ReadThrough({ store, redis, loads });
  const readThroughMany = new ReadThroughMany({ store, redis, loads, flights: readThrough.flights });
  return {
    memory,
    redis,
    store,
    loading,
    readThrough,
    readThroughMany,
    counts,
    compressAboveBytes,
    isClosed: false,
  };
}
