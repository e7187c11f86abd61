/** What the cache counts for `stats()`. */
export class CacheCounts {
  memoryHits = 0;
  redisHits = 0;
  staleServed = 0;
  misses = 0;
  loads = 0;
  failedLoads = 0;
  sharedLoads = 0;
  refusedFills = 0;
}
