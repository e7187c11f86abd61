import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TelemetryConfig } from '../../../src/config/telemetry-config.js';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import { createUserWithChat, must, TINY } from '../../support/builders.js';
import { createDatabase, queryOnce, withDatabase } from '../../support/database-admin.js';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.js';

let preloaded: PostgresServer;
let bare: PostgresServer;
beforeAll(async () => {
  [preloaded, bare] = await Promise.all([
    startPostgresServer(),
    startPostgresServer({ settings: { shared_preload_libraries: '' } }),
  ]);
});
afterAll(() => Promise.all([preloaded.stop(), bare.stop()]));

interface Setup {
  readonly store: MacroStore;
  readonly url: string;
}

/** A migrated store of the given role on a database of its own. */
async function withStore(
  server: PostgresServer,
  {
    extension,
    role = 'postgres',
    telemetry = {},
  }: { extension: boolean; role?: string; telemetry?: TelemetryConfig },
  work: (setup: Setup) => Promise<void>,
): Promise<void> {
  const name = `m${randomUUID().slice(0, 8)}`;
  await createDatabase(server.url, { name });
  const url = withDatabase(server.url, name);
  if (extension) await queryOnce(url, 'create extension pg_stat_statements');
  await using owner = createMacroStore({ database: { url, max: 4 }, embedding: TINY });
  await must(owner.migrate());
  if (role !== 'postgres') {
    await queryOnce(url, `create role ${role} login`);
    await queryOnce(url, `grant usage on schema public to ${role}`);
    await queryOnce(url, `grant all on all tables in schema public to ${role}`);
  }
  const roleUrl = url.replace('postgres@', `${role}@`);
  await using store = createMacroStore({ database: { url: roleUrl, max: 4 }, embedding: TINY, telemetry });
  await work({ store, url });
}

const collect = (store: MacroStore) => must(store.metrics.collectMetrics());

describe('metrics.collectMetrics', () => {
  it('tells a role without pg_read_all_stats why it sees no statements and no sessions', () =>
    withStore(preloaded, { extension: true, role: 'plain_role' }, async ({ store }) => {
      const health = await collect(store);
      expect(health.slowQueries).toMatchObject({ available: false, reason: 'no-privilege' });
      expect(health.activeConnections).toMatchObject({ available: false, reason: 'no-privilege' });
      expect(health.replication).toMatchObject({ available: false, reason: 'no-privilege' });
      expect(health.relations.tables.map(({ name }) => name)).toContain('chat_vectors');
      expect(health.migrations).toMatchObject({ available: true, isUpToDate: true });
    }));

  it('tells that the extension is missing in this database', () =>
    withStore(preloaded, { extension: false }, async ({ store }) => {
      expect((await collect(store)).slowQueries).toMatchObject({ available: false, reason: 'no-extension' });
    }));

  it('tells that the library is not preloaded, though the extension is there', () =>
    withStore(bare, { extension: true }, async ({ store }) => {
      expect((await collect(store)).slowQueries).toMatchObject({ available: false, reason: 'not-preloaded' });
    }));

  it('shows a slow statement once, by what it took since the collection before, and without its values', () =>
    withStore(preloaded, { extension: true }, async ({ store, url }) => {
      await collect(store);
      const slow = "select pg_sleep(0.15), 'a-secret-word'";
      await queryOnce(url, slow);
      await queryOnce(url, slow);
      const { slowQueries } = await collect(store);
      if (!slowQueries.available) throw new Error(slowQueries.reason);
      const found = slowQueries.queries.find(({ text }) => text?.includes('pg_sleep'));
      expect(found).toMatchObject({ calls: 2, rows: 2 });
      expect(found?.meanMs).toBeGreaterThan(149);
      expect(JSON.stringify(slowQueries)).not.toContain('a-secret-word');

      const after = await collect(store);
      expect(JSON.stringify(after.slowQueries)).not.toContain('pg_sleep');
    }));

  it('takes what telemetry.slowQueryMillis says for slow', () =>
    withStore(preloaded, { extension: true, telemetry: { slowQueryMillis: 500 } }, async ({ store, url }) => {
      await collect(store);
      await queryOnce(url, 'select pg_sleep(0.2)');
      await queryOnce(url, 'select pg_sleep(0.6), 2');
      const { slowQueries } = await collect(store);
      expect(slowQueries).toMatchObject({ available: true, thresholdMs: 500 });
      const texts = slowQueries.available ? slowQueries.queries.map(({ text }) => text) : [];
      expect(texts.filter((text) => text?.includes('pg_sleep'))).toEqual([expect.stringContaining(',')]);
    }));

  it('notices that the counters of the server were reset, and counts from there', () =>
    withStore(preloaded, { extension: true }, async ({ store, url }) => {
      await queryOnce(url, 'select pg_sleep(0.12)');
      await collect(store);
      await queryOnce(url, 'select pg_stat_statements_reset()');
      await queryOnce(url, 'select pg_sleep(0.13)');
      const { slowQueries } = await collect(store);
      expect(slowQueries).toMatchObject({ available: true, wasReset: true });
      expect(JSON.stringify(slowQueries)).toMatch(/pg_sleep/);
    }));

  it('gives sizes, hit ratios, pool, sessions, indexes and an index that is invalid', () =>
    withStore(preloaded, { extension: true }, async ({ store, url }) => {
      await createUserWithChat(store);
      await queryOnce(url, 'create table numbers as select 1 as n union all select 1');
      await queryOnce(url, 'create unique index concurrently bad_idx on numbers (n)').catch(() => undefined);
      const first = await collect(store);
      expect(first.cacheHitRatio.sinceLastCollection).toBeNull();
      expect(first.relations.invalidIndexes).toEqual(['bad_idx']);
      expect(first.relations.databaseBytes).toBeGreaterThan(1e6);
      expect(first.activeConnections).toMatchObject({ available: true, max: 200 });
      expect(first.activeConnections.available && first.activeConnections.active).toBeGreaterThanOrEqual(1);
      expect(first.pool).toMatchObject({ available: true, max: 4, waiting: 0 });
      expect(first.replication).toMatchObject({ available: true, role: 'primary', replicas: [] });
      expect(first.redis).toMatchObject({ available: false, reason: 'no-redis' });
      expect(first.vectorIndexes).toMatchObject({ available: true, liveRows: 0 });
      expect(first.search.searches).toEqual({ exact: 0, codes: 0, hnsw: 0 });
    }));

  it('takes two connections at most', () =>
    withStore(preloaded, { extension: true }, async ({ store }) => {
      let taken = 0;
      let most = 0;
      store.pool?.on('acquire', () => {
        taken += 1;
        most = Math.max(most, taken);
      });
      store.pool?.on('release', () => {
        taken -= 1;
      });
      await collect(store);
      // The second one may have to be opened first, and come when the first is back.
      expect([1, 2]).toContain(most);
    }));

  it('works embedded, and says what an embedded database has not', async () => {
    await using store = createMacroStore({ embedding: TINY });
    const health = await collect(store);
    for (const part of [health.slowQueries, health.activeConnections, health.replication]) {
      expect(part).toMatchObject({ available: false, reason: 'embedded' });
    }
    expect(health.pool).toMatchObject({ available: false, reason: 'no-pool' });
    expect(health.migrations).toMatchObject({ available: true, isUpToDate: true });
    expect(health.relations.tables.map(({ name }) => name)).toContain('users');
  });

  it('says of a database that is not migrated what it lacks', async () => {
    const name = `m${randomUUID().slice(0, 8)}`;
    await createDatabase(preloaded.url, { name });
    await using store = createMacroStore({ database: { url: withDatabase(preloaded.url, name) } });
    expect((await collect(store)).migrations).toMatchObject({ available: false, reason: 'not-migrated' });
  });
});
