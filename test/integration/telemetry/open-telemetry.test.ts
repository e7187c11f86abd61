import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import {
  aChat,
  aMessage,
  anEmbedding,
  aVector,
  createServerStore,
  createUserWithChat,
  failure,
  must,
  type ServerStore,
  TINY,
} from '../../support/builders.js';
import { CANARY, CANARY_NUMBER, leaksOf } from '../../support/canary.js';
import { followContexts, startOpenTelemetry } from '../../support/open-telemetry.js';

/** Every metric of docs/db/database-metrics.md in open-telemetry/semantic-conventions, at 01d94504. */
const REGISTRY = {
  'db.client.operation.duration': ['Histogram', 's'],
  'db.client.response.returned_rows': ['Histogram', '{row}'],
  'db.client.connection.count': ['UpDownCounter', '{connection}'],
  'db.client.connection.idle.max': ['UpDownCounter', '{connection}'],
  'db.client.connection.idle.min': ['UpDownCounter', '{connection}'],
  'db.client.connection.max': ['UpDownCounter', '{connection}'],
  'db.client.connection.pending_requests': ['UpDownCounter', '{request}'],
  'db.client.connection.timeouts': ['Counter', '{timeout}'],
  'db.client.connection.create_time': ['Histogram', 's'],
  'db.client.connection.wait_time': ['Histogram', 's'],
  'db.client.connection.use_time': ['Histogram', 's'],
};

/** Of the same page: what an attribute may be called. */
const REGISTERED_ATTRIBUTES = [
  'db.client.connection.pool.name',
  'db.client.connection.state',
  'db.operation.name',
  'db.system.name',
  'error.type',
];

const OPERATION = /^[a-zA-Z]+(\.[a-zA-Z]+)+$/;

let made: ServerStore;
let store: MacroStore;
let openTelemetry: ReturnType<typeof startOpenTelemetry>;
let chat: { userId: string; chatId: string };
const logged: unknown[][] = [];
const logger = {
  info: (...line: unknown[]) => void logged.push(line),
  warn: (...line: unknown[]) => void logged.push(line),
};

beforeAll(async () => {
  made = await createServerStore();
  openTelemetry = startOpenTelemetry();
  const { meter, tracer } = openTelemetry;
  store = createMacroStore({
    database: { url: made.database.url, max: 3 },
    redis: { url: inject('redisUrl'), keyPrefix: `${made.database.name}:` },
    embedding: TINY,
    logger,
    telemetry: { meter, tracer, slowOperationMillis: 1_000, poolName: 'main' },
  });
  chat = await createUserWithChat(store, CANARY);
});
afterAll(async () => {
  await store.close();
  await openTelemetry.stop();
  await made[Symbol.asyncDispose]();
});

/** One call of many methods, with secrets in all they are given, and failures of several kinds. */
async function useEverything() {
  const embedding = Float32Array.from(anEmbedding(1)).fill(CANARY_NUMBER, 0, 2);
  const email = `${CANARY}-${randomUUID()}@example.org`;
  const user = await must(store.users.create({ email }));
  await failure(store.users.create({ email }));
  await must(store.users.findByEmail(email));
  await must(
    store.messages.append({ ...chat, ...aMessage({ content: CANARY, metadata: { [CANARY]: CANARY } }) }),
  );
  await must(store.messages.history(chat));
  await must(store.messages.search({ userId: chat.userId, query: CANARY }));
  await must(
    store.vectors.insert({
      userId: chat.userId,
      ...aVector({ chatId: chat.chatId, content: CANARY, embedding }),
    }),
  );
  await must(store.vectorSearch.search(embedding, chat.userId));
  await store.transaction(({ users }) => users.create({ email }));
  await must(store.cache.set(CANARY, CANARY, { tags: [CANARY] }));
  await must(store.cache.get(`${CANARY}2`));
  await must(store.cache.invalidateTags([CANARY]));
  await must(store.sessions.create({ userId: user.id, data: { [CANARY]: CANARY } }));
  // A statement of the application's own, with the values in its text.
  await store.db.execute(sql.raw(`select '${CANARY}', ${CANARY_NUMBER}, pg_sleep(1.1) -- ${CANARY}`));
  await store.db.execute(sql.raw(`select '${CANARY}'::int`)).catch(() => undefined);
}

function kindOf(metric: MetricData): string {
  if (metric.dataPointType === DataPointType.HISTOGRAM) return 'Histogram';
  if (metric.dataPointType !== DataPointType.SUM) return 'another';
  return metric.isMonotonic ? 'Counter' : 'UpDownCounter';
}

describe('the metrics of a meter', () => {
  it('are the eleven of the registry, by name, kind and unit', async () => {
    await useEverything();
    const found = (await openTelemetry.collect()).filter(({ descriptor }) =>
      descriptor.name.startsWith('db.'),
    );
    expect(
      Object.fromEntries(
        found.map((metric) => [metric.descriptor.name, [kindOf(metric), metric.descriptor.unit]]),
      ),
    ).toEqual(REGISTRY);
    for (const { descriptor, dataPoints } of found) {
      expect(dataPoints, descriptor.name).not.toEqual([]);
      for (const { attributes } of dataPoints) {
        expect(REGISTERED_ATTRIBUTES).toEqual(expect.arrayContaining(Object.keys(attributes)));
        if (descriptor.name.startsWith('db.client.connection.'))
          expect(attributes['db.client.connection.pool.name']).toBe('main');
        else {
          expect(attributes['db.system.name']).toMatch(/^(postgresql|redis)$/);
          expect(attributes['db.operation.name']).toMatch(OPERATION);
          expect(attributes['db.operation.name']).not.toBe('redis.command');
        }
      }
    }
  });

  it('are in seconds and in the buckets of the registry', async () => {
    const before = await durationOf('store.db');
    await store.db.execute(sql`select pg_sleep(0.2)`);
    const after = await durationOf('store.db');
    expect(after.buckets.boundaries).toEqual([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]);
    expect(after.count - before.count).toBe(1);
    expect((after.sum ?? 0) - (before.sum ?? 0)).toBeGreaterThan(0.2);
    expect((after.sum ?? 0) - (before.sum ?? 0)).toBeLessThan(20);
  });

  it('count a failed operation under the kind of its error', async () => {
    await failure(store.chats.create(aChat({ userId: randomUUID() })));
    const failed = await durationOf('chats.create', 'conflict');
    expect(failed.count).toBe(1);
  });

  it('show a closed store as empty, and then let it go', async () => {
    const { meter, collect, stop } = startOpenTelemetry();
    const gauges: { callbacks: number } = { callbacks: 0 };
    const counted = new Proxy(meter, {
      get: (target, property: keyof typeof meter) =>
        property === 'createObservableUpDownCounter'
          ? (...given: Parameters<typeof meter.createObservableUpDownCounter>) => {
              const instrument = target.createObservableUpDownCounter(...given);
              return {
                addCallback: (...[callback]: Parameters<typeof instrument.addCallback>) => {
                  gauges.callbacks += 1;
                  instrument.addCallback(callback);
                },
                removeCallback: (...[callback]: Parameters<typeof instrument.addCallback>) => {
                  gauges.callbacks -= 1;
                  instrument.removeCallback(callback);
                },
              };
            }
          : target[property].bind(target),
    });
    const another = createMacroStore({
      database: { url: made.database.url },
      telemetry: { meter: counted },
    });
    await must(another.users.findById(chat.userId));
    const connections = async () =>
      (await collect())
        .filter(({ descriptor }) => descriptor.name === 'db.client.connection.count')
        .flatMap(({ dataPoints }) => dataPoints.map(({ value }) => value as number))
        .reduce((sum, value) => sum + value, 0);
    expect(await connections()).toBeGreaterThan(0);
    expect(gauges.callbacks).toBeGreaterThan(5);
    await another.close();
    expect(await connections()).toBe(0);
    expect(gauges.callbacks).toBe(0);
    await stop();
  });

  async function durationOf(operation: string, errorKind?: string) {
    const metrics = await openTelemetry.collect();
    for (const metric of metrics) {
      if (metric.descriptor.name !== 'db.client.operation.duration') continue;
      if (metric.dataPointType !== DataPointType.HISTOGRAM) continue;
      const point = metric.dataPoints.find(
        ({ attributes }) =>
          attributes['db.operation.name'] === operation && attributes['error.type'] === errorKind,
      );
      if (point !== undefined) return point.value;
    }
    throw new Error(`nothing of ${operation}`);
  }
});

describe('the spans of a tracer', () => {
  it('are children of what is active where the call is made, and last as long as the operation', async () => {
    const stopFollowing = followContexts();
    openTelemetry.spans.reset();
    const parent = openTelemetry.tracer.startSpan('request');
    await context.with(trace.setSpan(context.active(), parent), async () => {
      await Promise.resolve();
      await must(store.users.findById(chat.userId));
      await must(store.cache.get('absent'));
    });
    parent.end();
    stopFollowing();
    const spans = openTelemetry.spans.getFinishedSpans().filter(({ name }) => name !== 'request');
    expect(spans.map(({ name }) => name)).toEqual(['users.findById', 'cache.read']);
    for (const span of spans) {
      expect(span.kind).toBe(SpanKind.CLIENT);
      expect(span.parentSpanContext?.spanId).toBe(parent.spanContext().spanId);
      expect(span.status.code).toBe(SpanStatusCode.UNSET);
    }
    expect(spans[0]?.attributes).toMatchObject({
      'db.system.name': 'postgresql',
      'db.operation.name': 'users.findById',
      'db.query.text': expect.stringContaining('$1'),
      'db.response.returned_rows': 1,
    });
    expect(spans[1]?.attributes['db.system.name']).toBe('redis');
  });

  it('end with the kind of the error', async () => {
    openTelemetry.spans.reset();
    await failure(store.users.findById(chat.userId, { signal: AbortSignal.abort() }));
    const [span] = openTelemetry.spans.getFinishedSpans();
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes['error.type']).toBe('aborted');
  });

  it('show the statements of a transaction, and its ends by names of their own', async () => {
    openTelemetry.spans.reset();
    await must(store.transaction(({ users }) => users.findById(chat.userId)));
    await failure(store.transaction(({ chats }) => chats.create(aChat({ userId: randomUUID() }))));
    expect(openTelemetry.spans.getFinishedSpans().map(({ name }) => name)).toEqual([
      'transaction.begin',
      'users.findById',
      'transaction.commit',
      'transaction.begin',
      'chats.create',
      'transaction.rollback',
    ]);
  });
});

describe('the channels of diagnostics', () => {
  const CHANNELS = ['macro-ai-store:operation:start', 'macro-ai-store:operation:end'] as const;

  it('carry each operation, by one object from its start to its end', async () => {
    const received: [string, unknown, object][] = [];
    const onMessage = (message: unknown, channel: string | symbol) =>
      void received.push([String(channel), message, { ...(message as object) }]);
    for (const channel of CHANNELS) subscribe(channel, onMessage);
    await must(store.users.findById(chat.userId));
    for (const channel of CHANNELS) unsubscribe(channel, onMessage);
    await must(store.users.findById(chat.userId));

    const start = { system: 'postgresql', operation: 'users.findById' };
    expect(received.map(([channel, , copy]) => [channel, copy])).toEqual([
      [CHANNELS[0], start],
      [CHANNELS[1], { ...start, durationMs: expect.any(Number), returnedRows: 1, errorKind: null }],
    ]);
    expect(received[0]?.[1]).toBe(received[1]?.[1]);
  });

  it('carry operations of a store that counts none, as soon as somebody subscribes', async () => {
    const quiet = createMacroStore({
      database: { url: made.database.url },
      telemetry: { countOperations: false },
    });
    const operations: unknown[] = [];
    const onMessage = (message: unknown) =>
      void operations.push((message as { operation: string }).operation);
    await must(quiet.users.findById(chat.userId));
    subscribe(CHANNELS[1], onMessage);
    await must(quiet.chats.findById(chat));
    unsubscribe(CHANNELS[1], onMessage);
    await must(quiet.users.findById(chat.userId));
    expect(operations).toEqual(['chats.findById']);
    expect(quiet.metrics.toPrometheus()).not.toContain('db_client_operation_duration');
    await quiet.close();
  });
});

describe('the log of slow operations', () => {
  it('has the operation, its duration, its rows and its statement without values', async () => {
    logged.length = 0;
    await store.db.execute(sql.raw(`select pg_sleep(1.2), '${CANARY}' as word`));
    await must(store.users.findById(chat.userId));
    expect(logged).toEqual([
      [
        'operation.slow',
        {
          system: 'postgresql',
          operation: 'store.db',
          durationMs: expect.any(Number),
          returnedRows: 1,
          errorKind: null,
          statementText: 'select pg_sleep(?), ? as word',
        },
      ],
    ]);
  });
});

describe('no secret', () => {
  it('is in a label, an attribute of a span, an event, a message of a channel or the text for Prometheus', async () => {
    const messages: unknown[] = [];
    const onMessage = (message: unknown) => void messages.push({ ...(message as object) });
    subscribe('macro-ai-store:operation:end', onMessage);
    logged.length = 0;
    openTelemetry.spans.reset();
    await useEverything();
    unsubscribe('macro-ai-store:operation:end', onMessage);

    const spans = openTelemetry.spans
      .getFinishedSpans()
      .map(({ name, attributes, status, events }) => ({ name, attributes, status, events }));
    const metrics = await openTelemetry.collect();
    const text = store.metrics.toPrometheus();
    for (const many of [messages, spans, metrics]) expect(many).not.toEqual([]);
    expect(leaksOf({ messages, spans, metrics, logged, text })).toEqual([]);
  });
});
