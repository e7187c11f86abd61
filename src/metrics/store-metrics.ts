import type { CacheStats } from '../cache/cache-stats.js';
import type { TelemetryMeter } from '../config/telemetry-config.js';
import type { StoreEvent } from '../telemetry.js';
import { shownBy } from './client-metrics.js';

const NONE = {};

/** The counters of the cache that stand for themselves. */
const COUNTERS = {
  staleServed: ['stale_served', '{read}', 'Hits whose value was past its time to live.'],
  loads: ['loads', '{load}', 'Calls of loaders.'],
  failedLoads: ['failed_loads', '{load}', 'Calls of loaders that failed.'],
  sharedLoads: ['shared_loads', '{load}', 'Reads that waited for the read or load of another.'],
  refusedFills: ['refused_fills', '{value}', 'Loaded values that were not stored.'],
  invalidations: ['invalidations', '{change}', 'Changes by others that this process was told of.'],
  redisFailures: ['redis_failures', '{command}', 'Commands that Redis did not answer, or with an error.'],
} as const;

/** Shows `cache.stats()` as it is at each reading. Gives what ends that. */
export function showCache(meter: TelemetryMeter, stats: () => CacheStats): () => void {
  const name = (of: string) => `macro_ai_store.cache.${of}`;
  const reads = meter.createObservableCounter(name('reads'), {
    unit: '{read}',
    description: 'Reads of the cache, by where the value was.',
  });
  const shown = [
    shownBy(reads, (result) => {
      const { memoryHits, redisHits, misses } = stats();
      result.observe(memoryHits, READS.memory);
      result.observe(redisHits, READS.redis);
      result.observe(misses, READS.miss);
    }),
  ];
  for (const [field, [of, unit, description]] of Object.entries(COUNTERS)) {
    const counter = meter.createObservableCounter(name(of), { unit, description });
    shown.push(shownBy(counter, (result) => result.observe(stats()[field as keyof typeof COUNTERS], NONE)));
  }
  const gauge = (
    of: string,
    unit: string,
    description: string,
    value: (now: CacheStats) => number | null,
  ) => {
    const instrument = meter.createObservableUpDownCounter(`macro_ai_store.${of}`, { unit, description });
    shown.push(
      shownBy(instrument, (result) => {
        const now = value(stats());
        if (now !== null) result.observe(now, NONE);
      }),
    );
  };
  gauge('cache.entries', '{entry}', 'Values in the memory of the cache.', ({ entries }) => entries);
  gauge('cache.size', 'By', 'Bytes in the memory of the cache, about.', ({ bytes }) => bytes);
  gauge('redis.up', '1', 'Whether Redis is used: 1, or 0 while it is out of reach.', ({ redis }) =>
    redis === 'off' ? null : Number(redis === 'up'),
  );
  return () => {
    for (const end of shown) end();
  };
}

const READS = {
  memory: { result: 'memory_hit' },
  redis: { result: 'redis_hit' },
  miss: { result: 'miss' },
};

/** Counts events on a meter, by their type: outages and lost connections among them. */
export function countEvents(meter: TelemetryMeter): (event: StoreEvent) => void {
  const counter = meter.createCounter('macro_ai_store.events', {
    unit: '{event}',
    description: 'What the store reported, by type.',
  });
  const attributes = new Map<StoreEvent['type'], { readonly type: string }>();
  return ({ type }) => {
    let ofType = attributes.get(type);
    if (ofType === undefined) {
      ofType = { type };
      attributes.set(type, ofType);
    }
    counter.add(1, ofType);
  };
}
