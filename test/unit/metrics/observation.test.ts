import { describe, expect, it } from 'vitest';
import { createObservation } from '../../../src/metrics/observation.js';
import type { OperationEnd, StoreEvent } from '../../../src/telemetry.js';

const OPERATION = { system: 'postgresql', operation: 'users.findById', statementText: 'select 1' } as const;
const END: OperationEnd = { ...OPERATION, durationMs: 3, returnedRows: 1, errorKind: null };

function observe(options: Partial<Parameters<typeof createObservation>[0]> = {}) {
  const events: StoreEvent[] = [];
  const observation = createObservation({
    countOperations: true,
    poolName: 'pool',
    hasPool: true,
    log: (event) => void events.push(event),
    ...options,
  });
  const operate = (end: Partial<OperationEnd> = {}) => {
    const { observer } = observation.telemetry;
    observer?.operationEnded({ ...END, ...end }, observer.operationStarted(OPERATION));
  };
  return { ...observation, events, operate };
}

describe('an observation', () => {
  it('has no observer where nobody listens', () => {
    expect(observe({ countOperations: false }).telemetry.observer).toBeNull();
    expect(observe({ countOperations: true }).telemetry.observer).not.toBeNull();
    expect(observe({ countOperations: false, slowOperationMillis: 5 }).telemetry.observer).not.toBeNull();
  });

  it('keeps what an observer throws from the caller and from the other observers, and reports it once', () => {
    const tracer = {
      startSpan() {
        throw new Error('the tracer is broken');
      },
    };
    const { operate, events, toPrometheus } = observe({ tracer });
    operate();
    operate();
    expect(events).toEqual([{ type: 'telemetry.observer-failed' }]);
    expect(toPrometheus()).toContain(
      'db_client_operation_duration_seconds_count{db_system_name="postgresql",db_operation_name="users.findById"} 2',
    );
    expect(toPrometheus()).toContain('macro_ai_store_events_total{type="telemetry.observer-failed"} 1');
  });

  it('keeps the number of series within bounds, whatever operations are called', () => {
    const { operate, toPrometheus } = observe();
    for (let index = 0; index < 10_000; index += 1) operate({ operation: `room.method${index}` });
    const counts = [
      ...toPrometheus().matchAll(
        /^db_client_operation_duration_seconds_count{.*?db_operation_name="(.*?)".*} (\d+)$/gm,
      ),
    ];
    expect(counts).toHaveLength(501);
    expect(counts.at(-1)?.slice(1)).toEqual(['_OTHER', '9500']);
  });

  it('reports an operation as slow from the threshold on', () => {
    const { operate, events } = observe({ slowOperationMillis: 10 });
    operate({ durationMs: 9.99 });
    operate({ durationMs: 10, errorKind: 'timeout', returnedRows: null, statementText: "select 'x'" });
    expect(events).toEqual([
      {
        type: 'operation.slow',
        system: 'postgresql',
        operation: 'users.findById',
        durationMs: 10,
        returnedRows: null,
        errorKind: 'timeout',
        statementText: 'select ?',
      },
    ]);
  });

  it('shows cache and pool, and a pool that adds up', () => {
    const { show, toPrometheus } = observe();
    const cache = {
      memoryHits: 5,
      redisHits: 3,
      staleServed: 1,
      misses: 2,
      loads: 2,
      failedLoads: 1,
      sharedLoads: 4,
      refusedFills: 0,
      invalidations: 6,
      redisFailures: 7,
      redis: 'down',
      coherence: 'nothing',
      entries: 8,
      bytes: 9,
    } as const;
    show({
      pool: () => ({ total: 7, idle: 3, max: 20, min: 2, waiting: 1, returnedAtMs: null }),
      cache: () => cache,
    });
    const text = toPrometheus();
    for (const line of [
      'db_client_connection_count{db_client_connection_pool_name="pool",db_client_connection_state="idle"} 3',
      'db_client_connection_count{db_client_connection_pool_name="pool",db_client_connection_state="used"} 4',
      'db_client_connection_max{db_client_connection_pool_name="pool"} 20',
      'db_client_connection_idle_max{db_client_connection_pool_name="pool"} 20',
      'db_client_connection_idle_min{db_client_connection_pool_name="pool"} 2',
      'db_client_connection_pending_requests{db_client_connection_pool_name="pool"} 1',
      'db_client_connection_timeouts_total{db_client_connection_pool_name="pool"} 0',
      'macro_ai_store_cache_reads_total{result="memory_hit"} 5',
      'macro_ai_store_cache_reads_total{result="redis_hit"} 3',
      'macro_ai_store_cache_reads_total{result="miss"} 2',
      'macro_ai_store_cache_invalidations_total 6',
      'macro_ai_store_cache_redis_failures_total 7',
      'macro_ai_store_cache_size_bytes 9',
      'macro_ai_store_redis_up 0',
    ])
      expect(text).toContain(`${line}\n`);
  });
});
