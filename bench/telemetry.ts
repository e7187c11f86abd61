import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import type { MacroStoreConfig } from '../src/index.js';
import { loadLibrary, openEnvironment, versionOf } from './harness/environment.js';
import { measure } from './harness/measure.js';
import { atMost, type Report, ratioOf, timingsOf } from './harness/report.js';

/** What a read by key costs more when it is observed, by each way of observing it. */
export const name = 'telemetry';

const STEPS = 3_000;
const USERS = 1_000;
const KEYS = 1_000;
const BY_HAND = 'off, and the SDK by hand';

export async function run({ full }: { readonly full: boolean }): Promise<Report> {
  await using environment = await openEnvironment();
  const { databaseUrl, redisUrl } = environment;
  const { createMacroStore } = await loadLibrary();

  const meters = new MeterProvider({
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
        exportIntervalMillis: 3_600_000,
      }),
    ],
  });
  const meter = meters.getMeter('bench');
  // Spans are made and dropped: what an exporter does with them is not ours.
  const tracer = new BasicTracerProvider().getTracer('bench');
  const quiet = { info: () => undefined, warn: () => undefined };
  const open = (telemetry: NonNullable<MacroStoreConfig['telemetry']>) =>
    createMacroStore({
      database: { url: databaseUrl, max: 2 },
      redis: { url: redisUrl, keyPrefix: 'bench:telemetry:', commandTimeoutMillis: 5_000 },
      // Nothing stays in memory, so that each read of the cache is one of Redis.
      cache: { memoryMaxBytes: 1_024 },
      logger: quiet,
      telemetry,
    });
  const stores = {
    off: open({ countOperations: false }),
    counted: open({}),
    metered: open({ meter, slowOperationMillis: 1_000 }),
    traced: open({ meter, tracer, slowOperationMillis: 1_000 }),
  };

  // A store keeps copies of its own writes, so they come from another.
  const seeding = open({ countOperations: false });
  const byHand = open({ countOperations: false });
  try {
    (await stores.off.migrate({ hnsw: 'skip' }))._unsafeUnwrap();
    const users: string[] = [];
    for (let index = 0; index < USERS; index += 1) {
      const user = await stores.off.users.create({ email: `user${index}@example.org` });
      users.push(user._unsafeUnwrap().id);
    }
    for (let index = 0; index < KEYS; index += 1) {
      (await seeding.cache.set(`key${index}`, 'x'.repeat(500)))._unsafeUnwrap();
    }

    // What the SDK alone costs: a store without telemetry, and the same number of records as by the metered one.
    const histogram = meter.createHistogram('by.hand', { unit: 's' });
    const attributes = { 'db.system.name': 'postgresql', 'db.operation.name': 'users.findById' };
    const record = (times: number) => {
      for (let time = 0; time < times; time += 1) histogram.record(0.0001, attributes);
    };
    const candidates = Object.entries(stores);
    const steps = full ? STEPS * 5 : STEPS;
    const byKey = await measure({
      name: 'users.findById',
      input: (step) => users[(step * 7919) % USERS] ?? '',
      steps,
      warmUp: 1_000,
      candidates: [
        ...candidates.map(([candidate, store]) => ({
          name: candidate,
          run: async (id: string) => (await store.users.findById(id))._unsafeUnwrap(),
        })),
        {
          name: BY_HAND,
          run: async (id: string) => {
            (await byHand.users.findById(id))._unsafeUnwrap();
            record(4);
          },
        },
      ],
    });
    const cached = await measure({
      name: 'cache.get from Redis',
      input: (step) => `key${(step * 7919) % KEYS}`,
      steps,
      warmUp: 1_000,
      candidates: [
        ...candidates.map(([candidate, store]) => ({
          name: candidate,
          run: async (key: string) => (await store.cache.get(key))._unsafeUnwrap(),
        })),
        {
          name: BY_HAND,
          run: async (key: string) => {
            (await byHand.cache.get(key))._unsafeUnwrap();
            record(1);
          },
        },
      ],
    });
    const gated = [byKey, cached].flatMap((reads) => [
      ratioOf(reads, 'counted', 'off', 'lowest'),
      ratioOf(reads, 'metered', BY_HAND, 'lowest'),
    ]);
    const shown = [byKey, cached].flatMap((reads) =>
      ['metered', 'traced', BY_HAND].map((candidate) => ratioOf(reads, candidate, 'off', 'lowest')),
    );
    return {
      suite: name,
      data: { users: USERS, keys: KEYS, steps },
      versions: {
        ...environment.versions,
        '@opentelemetry/sdk-metrics': versionOf('@opentelemetry/sdk-metrics'),
        '@opentelemetry/sdk-trace-base': versionOf('@opentelemetry/sdk-trace-base'),
      },
      results: [byKey, cached].flatMap(timingsOf),
      ratios: [...gated, ...shown],
      gates: gated.map((ratio) => atMost(ratio, 1.03)),
    };
  } finally {
    for (const store of [seeding, byHand, ...Object.values(stores)]) await store.close();
    await meters.shutdown();
  }
}
