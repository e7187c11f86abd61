import type { TelemetryMeter } from '../config/telemetry-config.js';
import type { PoolState } from '../database/managed-pool.js';
import type { Observer } from '../telemetry.js';
import { createOperationAttributes } from './operation-attributes.js';

// Names, units, descriptions, kinds and buckets are those of docs/db/database-metrics.md in
// open-telemetry/semantic-conventions, at 01d94504. The times of connections have no buckets of their own there.
const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const ROWS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/** Counts operations on a meter. */
export function countOperations(meter: TelemetryMeter): Partial<Observer> {
  const attributesOf = createOperationAttributes();
  const duration = meter.createHistogram('db.client.operation.duration', {
    unit: 's',
    description: 'Duration of database client operations.',
    advice: { explicitBucketBoundaries: SECONDS },
  });
  const returnedRows = meter.createHistogram('db.client.response.returned_rows', {
    unit: '{row}',
    description: 'The actual number of records returned by the database operation.',
    advice: { explicitBucketBoundaries: ROWS },
  });
  return {
    operationEnded(end) {
      const attributes = attributesOf(end);
      duration.record(end.durationMs / 1_000, attributes);
      if (end.returnedRows !== null) returnedRows.record(end.returnedRows, attributes);
    },
  };
}

/** Counts what happens to the connections of a pool on a meter. */
export function countConnections(meter: TelemetryMeter, poolName: string): Partial<Observer> {
  const pool = { 'db.client.connection.pool.name': poolName };
  const time = (name: string, description: string) => {
    const histogram = meter.createHistogram(`db.client.connection.${name}`, {
      unit: 's',
      description,
      advice: { explicitBucketBoundaries: SECONDS },
    });
    return (durationMs: number) => histogram.record(durationMs / 1_000, pool);
  };
  const timeouts = meter.createCounter('db.client.connection.timeouts', {
    unit: '{timeout}',
    description:
      'The number of connection timeouts that have occurred trying to obtain a connection from the pool.',
  });
  timeouts.add(0, pool); // so that the first timeout is a change, and not a new series
  return {
    connectionCreated: time('create_time', 'The time it took to create a new connection.'),
    waitEnded: time('wait_time', 'The time it took to obtain an open connection from the pool.'),
    useEnded: time('use_time', 'The time between borrowing a connection and returning it to the pool.'),
    acquireTimedOut: () => timeouts.add(1, pool),
  };
}

/** Shows a pool as it is at each reading. Gives what ends that. */
export function showPool(meter: TelemetryMeter, poolName: string, state: () => PoolState): () => void {
  const pool = { 'db.client.connection.pool.name': poolName };
  const idle = { ...pool, 'db.client.connection.state': 'idle' };
  const used = { ...pool, 'db.client.connection.state': 'used' };
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableUpDownCounter(`db.client.connection.${name}`, { unit, description });

  const shown = [
    shownBy(
      gauge(
        'count',
        '{connection}',
        'The number of connections that are currently in state described by the `state` attribute.',
      ),
      (result) => {
        // Of one reading, so that they add up.
        const { total, idle: idleCount } = state();
        result.observe(idleCount, idle);
        result.observe(total - idleCount, used);
      },
    ),
    shownBy(gauge('max', '{connection}', 'The maximum number of open connections allowed.'), (result) =>
      result.observe(state().max, pool),
    ),
    // A pg pool keeps whatever was opened, until it was idle for long.
    shownBy(
      gauge('idle.max', '{connection}', 'The maximum number of idle open connections allowed.'),
      (result) => result.observe(state().max, pool),
    ),
    shownBy(
      gauge('idle.min', '{connection}', 'The minimum number of idle open connections allowed.'),
      (result) => result.observe(state().min, pool),
    ),
    shownBy(
      gauge(
        'pending_requests',
        '{request}',
        'The number of current pending requests for an open connection.',
      ),
      (result) => result.observe(state().waiting, pool),
    ),
  ];
  return () => {
    for (const end of shown) end();
  };
}

type Observable = ReturnType<TelemetryMeter['createObservableCounter']>;

/**
 * Has the instrument read by the callback. Gives what ends that, after one more reading: a meter may go on showing
 * the last values it was given.
 */
export function shownBy(
  instrument: Observable,
  callback: Parameters<Observable['addCallback']>[0],
): () => void {
  let isOver = false;
  const read: typeof callback = (result) => {
    callback(result);
    // Not at once, while the meter goes through its callbacks.
    if (isOver) queueMicrotask(() => instrument.removeCallback(read));
  };
  instrument.addCallback(read);
  return () => {
    isOver = true;
  };
}
