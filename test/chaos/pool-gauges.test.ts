import { DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import { sql } from 'drizzle-orm';
import type { ResultAsync } from 'neverthrow';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../src/create-macro-store.js';
import type { StoreError } from '../../src/errors.js';
import { aUser, createServerStore, must, type ServerStore, TINY } from '../support/builders.js';
import { startOpenTelemetry } from '../support/open-telemetry.js';
import { seededRandom } from '../support/seeded-random.js';
import { until } from '../support/until.js';

const OPERATIONS = 100_000;
const CLIENTS = 24;
const MAX = 8;
/** So short that some calls do not get a connection. */
const ACQUIRE_TIMEOUT_MS = 20;
const APPLICATION = '@macro-ai/store';

let made: ServerStore;
let store: MacroStore;
let openTelemetry: ReturnType<typeof startOpenTelemetry>;

beforeAll(async () => {
  made = await createServerStore();
  await made.store.close();
  openTelemetry = startOpenTelemetry();
  store = createMacroStore({
    database: { url: made.database.url, max: MAX, acquireTimeoutMillis: ACQUIRE_TIMEOUT_MS },
    embedding: TINY,
    telemetry: { meter: openTelemetry.meter },
  });
});
afterAll(async () => {
  await store.close();
  await openTelemetry.stop();
  await made[Symbol.asyncDispose]();
});

it('adds up to the size of the pool after 100,000 random operations, failed, aborted and cut off ones among them', async () => {
  const seed = Date.now() % 1_000_000;
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const user = await must(store.users.create(aUser()));
  const outcomes = new Map<string, number>();
  const note = (outcome: string) => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);

  const operations: readonly [weight: number, run: () => Promise<string>][] = [
    [900, () => kindOf(store.users.findById(user.id))],
    [30, () => kindOf(store.users.create({ email: user.email }))],
    [20, () => kindOf(store.transaction(({ users }) => users.findById(user.id)))],
    [10, () => kindOf(store.transaction(({ users }) => users.create({ email: user.email })))],
    [20, () => abortedRead(random() * 2)],
    [2, () => failedText('select 1/0')],
    [1, () => failedText('select pg_terminate_backend(pg_backend_pid())')],
    [1, () => failedText('select pg_sleep(0.06)')],
  ];
  const total = operations.reduce((sum, [weight]) => sum + weight, 0);
  const pick = () => {
    let left = random() * total;
    return operations.find(([weight]) => {
      left -= weight;
      return left < 0;
    });
  };

  let begun = 0;
  const readings: { idle: number; used: number; total: number }[] = [];
  const client = async () => {
    while (begun < OPERATIONS) {
      begun += 1;
      if (begun % 5_000 === 0) {
        const { idle, used } = await connections();
        readings.push({ idle, used, total: idle + used });
      }
      note(await (pick()?.[1]() ?? Promise.reject(new Error('nothing to do'))));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));

  expect([...outcomes.values()].reduce((sum, count) => sum + count, 0)).toBe(OPERATIONS);
  for (const outcome of ['ok', 'conflict', 'aborted', 'pool-exhausted', 'outcome-unknown', 'invalid-input'])
    expect([...outcomes.keys()]).toContain(outcome);

  // While it went on: never more than there may be, and some of them in use.
  expect(readings).toHaveLength(OPERATIONS / 5_000);
  for (const { idle, used, total: sum } of readings) {
    expect(idle).toBeGreaterThanOrEqual(0);
    expect(used).toBeGreaterThan(0);
    expect(sum).toBeLessThanOrEqual(MAX);
  }

  // Afterwards: nothing is in use or waited for, and the server has as many connections as the gauges say.
  const { idle, used } = await connections();
  expect(used).toBe(0);
  expect(idle).toBe(store.pool?.totalCount);
  // A backend that was cut off takes a moment to leave.
  await until('the server has as many connections as the gauges say', async () => {
    const [server] = await made.database.query<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity where datname = current_database() and application_name = '${APPLICATION}'`,
    );
    return server?.count === idle + used;
  });
  expect(await numberOf('db.client.connection.pending_requests')).toBe(0);
  expect(await numberOf('db.client.connection.max')).toBe(MAX);

  // Every connection that was had was given back, and every refusal is counted.
  const waits = await countOf('db.client.connection.wait_time');
  expect(waits).toBeGreaterThan(OPERATIONS / 2);
  expect(await countOf('db.client.connection.use_time')).toBe(waits);
  expect(await numberOf('db.client.connection.timeouts')).toBe(outcomes.get('pool-exhausted'));
  expect(await countOf('db.client.connection.create_time')).toBeGreaterThan(idle);
  console.log(Object.fromEntries(outcomes), readings.at(-1));

  async function abortedRead(afterMs: number): Promise<string> {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), afterMs);
    return kindOf(store.users.findById(user.id, { signal: controller.signal }));
  }

  /** The application's own statement; Drizzle throws an error whose cause is that of the store. */
  async function failedText(text: string): Promise<string> {
    try {
      await store.db.execute(sql.raw(text));
      return 'ok';
    } catch (error) {
      return (error as { cause: { kind: string } }).cause.kind;
    }
  }
}, 300_000);

function kindOf(call: ResultAsync<unknown, StoreError>): Promise<string> {
  return call.match(
    () => 'ok',
    ({ kind }) => kind,
  );
}

async function metric(name: string): Promise<MetricData> {
  const found = (await openTelemetry.collect()).find(({ descriptor }) => descriptor.name === name);
  if (found === undefined) throw new Error(`no metric ${name}`);
  return found;
}

async function connections(): Promise<{ idle: number; used: number }> {
  const { dataPoints } = await metric('db.client.connection.count');
  const inState = (state: string) =>
    dataPoints.find(({ attributes }) => attributes['db.client.connection.state'] === state)?.value as number;
  return { idle: inState('idle'), used: inState('used') };
}

async function numberOf(name: string): Promise<number> {
  const { dataPoints } = await metric(name);
  return dataPoints.reduce((sum, { value }) => sum + (value as number), 0);
}

async function countOf(name: string): Promise<number> {
  const found = await metric(name);
  if (found.dataPointType !== DataPointType.HISTOGRAM) throw new Error(`${name} is no histogram`);
  return found.dataPoints.reduce((sum, { value }) => sum + value.count, 0);
}
