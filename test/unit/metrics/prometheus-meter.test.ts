import { describe, expect, it } from 'vitest';
import { PrometheusMeter } from '../../../src/metrics/prometheus-meter.js';

const options = (unit: string, description = 'What it is.') => ({ unit, description });

describe('the text for Prometheus', () => {
  it('has cumulative buckets, a sum and a count of each series of a histogram', () => {
    const meter = new PrometheusMeter();
    const histogram = meter.createHistogram('db.client.operation.duration', {
      ...options('s'),
      advice: { explicitBucketBoundaries: [0.001, 0.01, 1] },
    });
    const read = { 'db.operation.name': 'users.findById' };
    for (const seconds of [0.0005, 0.001, 0.002, 5]) histogram.record(seconds, read);
    histogram.record(0.5, { 'db.operation.name': 'chats.create' });

    expect(meter.text()).toBe(`\
# HELP db_client_operation_duration_seconds What it is.
# TYPE db_client_operation_duration_seconds histogram
db_client_operation_duration_seconds_bucket{db_operation_name="users.findById",le="0.001"} 2
db_client_operation_duration_seconds_bucket{db_operation_name="users.findById",le="0.01"} 3
db_client_operation_duration_seconds_bucket{db_operation_name="users.findById",le="1"} 3
db_client_operation_duration_seconds_bucket{db_operation_name="users.findById",le="+Inf"} 4
db_client_operation_duration_seconds_sum{db_operation_name="users.findById"} 5.0035
db_client_operation_duration_seconds_count{db_operation_name="users.findById"} 4
db_client_operation_duration_seconds_bucket{db_operation_name="chats.create",le="0.001"} 0
db_client_operation_duration_seconds_bucket{db_operation_name="chats.create",le="0.01"} 0
db_client_operation_duration_seconds_bucket{db_operation_name="chats.create",le="1"} 1
db_client_operation_duration_seconds_bucket{db_operation_name="chats.create",le="+Inf"} 1
db_client_operation_duration_seconds_sum{db_operation_name="chats.create"} 0.5
db_client_operation_duration_seconds_count{db_operation_name="chats.create"} 1
`);
  });

  it('names counters _total, and units that are not words for what is counted', () => {
    const meter = new PrometheusMeter();
    meter.createCounter('db.client.connection.timeouts', options('{timeout}')).add(2, {});
    meter
      .createObservableUpDownCounter('macro_ai_store.cache.size', options('By'))
      .addCallback((result) => result.observe(7, {}));
    meter
      .createObservableCounter('macro_ai_store.cache.loads', options('{load}'))
      .addCallback((result) => result.observe(3, {}));

    expect(
      meter
        .text()
        .split('\n')
        .filter((line) => !line.startsWith('# HELP')),
    ).toEqual([
      '# TYPE db_client_connection_timeouts_total counter',
      'db_client_connection_timeouts_total 2',
      '# TYPE macro_ai_store_cache_loads_total counter',
      'macro_ai_store_cache_loads_total 3',
      '# TYPE macro_ai_store_cache_size_bytes gauge',
      'macro_ai_store_cache_size_bytes 7',
      '',
    ]);
  });

  it('escapes what would end a label or a line', () => {
    const meter = new PrometheusMeter();
    const counter = meter.createCounter('a.b', options('1', 'one \\ and\nanother "line"'));
    counter.add(1, { 'the.label': 'back\\slash "quoted"\nnext' });
    expect(meter.text()).toBe(
      '# HELP a_b_total one \\\\ and\\nanother "line"\n' +
        '# TYPE a_b_total counter\n' +
        'a_b_total{the_label="back\\\\slash \\"quoted\\"\\nnext"} 1\n',
    );
  });

  it('writes what is no finite number as Prometheus does', () => {
    const meter = new PrometheusMeter();
    const gauge = meter.createObservableUpDownCounter('a', options('1'));
    gauge.addCallback((result) => {
      result.observe(Number.NaN, { of: 'nan' });
      result.observe(Number.POSITIVE_INFINITY, { of: 'more' });
      result.observe(Number.NEGATIVE_INFINITY, { of: 'less' });
    });
    expect(meter.text()).toContain('a{of="nan"} NaN\na{of="more"} +Inf\na{of="less"} -Inf\n');
  });

  it('leaves out what has no series, and what is no longer shown', () => {
    const meter = new PrometheusMeter();
    meter.createHistogram('never.recorded', options('s'));
    const gauge = meter.createObservableUpDownCounter('gone', options('1'));
    const show = (result: { observe(value: number, attributes: object): void }) => result.observe(1, {});
    gauge.addCallback(show);
    expect(meter.text()).toContain('gone 1');
    gauge.removeCallback(show);
    expect(meter.text()).toBe('');
  });
});
