import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import {
  aMessage,
  anEmbedding,
  aUser,
  aVector,
  createUserWithChat,
  must,
  TINY,
} from '../../support/builders.js';
import { CANARY, CANARY_NUMBER, leaksOf } from '../../support/canary.js';
import { queryOnce } from '../../support/database-admin.js';
import { startOpenTelemetry } from '../../support/open-telemetry.js';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.js';
import { onServer } from '../../support/redis-cluster.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { until } from '../../support/until.js';

const START = 'macro-ai-store:operation:start';
const END = 'macro-ai-store:operation:end';

let directory: string;
let postgres: PostgresServer;
let redis: RedisServer;
let store: MacroStore;
const telemetry = startOpenTelemetry();
const logged: unknown[] = [];
const alerts: unknown[] = [];
const messages: unknown[] = [];
const hear = (message: unknown) => void messages.push(message);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'macro-store-hba-'));
  const hba = join(directory, 'pg_hba.conf');
  // The server may run as another account.
  await writeFile(hba, 'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n');
  await Promise.all([directory, hba].map((path) => chmod(path, 0o755)));
  [postgres, redis] = await Promise.all([
    startPostgresServer({ settings: { hba_file: hba } }),
    startRedisServer(),
  ]);
  await queryOnce(postgres.url, `create role app login superuser password '${CANARY}'`);
  await queryOnce(postgres.url, 'create extension pg_stat_statements');
  await onServer(redis, (admin) => admin.config('SET', 'requirepass', CANARY));
  subscribe(START, hear);
  subscribe(END, hear);
  const line = (...words: unknown[]) => void logged.push(words);
  store = createMacroStore({
    database: { url: `postgresql://app:${CANARY}@127.0.0.1:${postgres.port}/postgres`, max: 2 },
    redis: { url: `redis://:${CANARY}@127.0.0.1:${redis.port}` },
    embedding: TINY,
    logger: { info: line, warn: line },
    telemetry: { meter: telemetry.meter, tracer: telemetry.tracer, slowOperationMillis: 1 },
    alerts: {
      targets: { queryP95Ms: 1 },
      windowSeconds: 5,
      evaluateEverySeconds: 0.05,
      evaluationsInARow: 1,
      backups: () => ({
        lastSuccessAt: null,
        lastFailure: new Error(`s3://${CANARY}:${CANARY}@host`),
      }),
      onAlert: (alert) => alerts.push(alert),
    },
  });
  await must(store.migrate());
  await must(store.metrics.collectMetrics());
});
afterAll(async () => {
  unsubscribe(START, hear);
  unsubscribe(END, hear);
  await store?.close();
  await telemetry.stop();
  await Promise.all([postgres?.stop(), redis?.stop()]);
  await rm(directory, { recursive: true });
});

/** Bodies, embeddings, tokens, addresses and passwords through every room, and calls that fail with them. */
async function work(): Promise<readonly string[]> {
  const embedding = Float32Array.from(anEmbedding(1)).fill(CANARY_NUMBER, 0, 2);
  const user = { email: `${CANARY}@example.org` };
  const chat = await createUserWithChat(store, CANARY);
  await must(store.users.create(aUser(user)));
  expect((await store.users.create(aUser(user))).isErr()).toBe(true);
  await must(store.users.findByEmail(user.email));
  await must(store.messages.append({ ...chat, ...aMessage({ content: CANARY, embedding }) }));
  await must(store.messages.search({ userId: chat.userId, query: CANARY }));
  const vector = aVector({ chatId: chat.chatId, content: CANARY, embedding });
  await must(store.vectors.insert({ userId: chat.userId, ...vector }));
  await must(store.vectorSearch.semanticSearch(embedding, chat.userId));
  await store.cache.set(CANARY, CANARY);
  await store.cache.get(CANARY);
  const { token } = await must(store.sessions.create({ userId: chat.userId, data: { secret: CANARY } }));
  await must(store.sessions.get(token));
  // Statements of the application's own, with values in their text, long enough to be told of.
  const slow = '(select count(*) from pg_sleep(0.2)) as slept';
  for (const text of [
    `select '${CANARY}', ${CANARY_NUMBER}, ${slow}`,
    `select /* ${CANARY} */ e'\\'${CANARY}', $q$${CANARY}$q$, ${slow} -- ${CANARY}`,
    `do $$ begin perform '${CANARY}', pg_sleep(0.2); end $$`,
    `create table kept as select '${CANARY}' as text, ${slow}`,
    `alter role app password '${CANARY}'`,
  ]) {
    await store.db.execute(sql.raw(text));
  }
  await store.db.execute(sql.raw(`select '${CANARY}'::int`)).catch(() => undefined);
  return [token];
}

describe('bodies, embeddings, tokens, addresses, passwords and connection strings', () => {
  it('are in no metric, message, span, alert or line of the log', async () => {
    const tokens = await work();
    await until('alerts have fired', () => alerts.length >= 1);
    const health = await must(store.metrics.collectMetrics());
    // What would hold them, if they were not taken out.
    if (!health.slowQueries.available) throw new Error(health.slowQueries.reason);
    const texts = health.slowQueries.queries.map(({ text }) => text ?? '');
    expect(texts.filter((text) => text.includes('pg_sleep')).length).toBeGreaterThanOrEqual(3);
    expect(texts.some((text) => text.startsWith('do'))).toBe(true);
    expect(messages.length).toBeGreaterThan(20);
    expect(logged.length).toBeGreaterThan(5);

    const shown: Record<string, unknown> = {
      health,
      prometheus: store.metrics.toPrometheus(),
      targets: store.metrics.targets(),
      readiness: await store.health(),
      liveness: store.liveness(),
      messages,
      alerts,
      logged,
      metrics: await telemetry.collect(),
      spans: telemetry.spans
        .getFinishedSpans()
        .map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
    };
    for (const [what, value] of Object.entries(shown)) {
      expect([what, leaksOf(value)]).toEqual([what, []]);
      const text = JSON.stringify(value);
      for (const token of tokens) expect([what, text.includes(token)]).toEqual([what, false]);
      expect([what, text.match(/(?:postgres(?:ql)?|rediss?):\/\//)]).toEqual([what, null]);
      expect([what, text.includes('example.org')]).toEqual([what, false]);
    }
  });

  it('are in none of what is told while both servers are gone', async () => {
    const before = { messages: messages.length, logged: logged.length };
    await Promise.all([postgres.stop(), redis.stop()]);
    expect((await store.users.findByEmail(`${CANARY}@example.org`)).isErr()).toBe(true);
    await store.cache.getOrSet(CANARY, async () => CANARY);
    const failed = await store.metrics.collectMetrics();
    const health = await store.health();
    expect([failed.isErr(), health.status]).toEqual([true, 'unavailable']);
    const told = { messages: messages.slice(before.messages), logged: logged.slice(before.logged) };
    expect(told.messages).not.toEqual([]);
    expect(told.logged).not.toEqual([]);
    for (const value of [failed._unsafeUnwrapErr(), health, told, store.metrics.toPrometheus(), alerts]) {
      expect(leaksOf(value)).toEqual([]);
    }
  });
});
