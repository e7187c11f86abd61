import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorReport } from '../../../src/cli/doctor.js';
import { createMacroStore, type MacroStore } from '../../../src/create-macro-store.js';
import type { Replication } from '../../../src/metrics/database-health.js';
import { aMessage, createUserWithChat, must, TINY } from '../../support/builders.js';
import { runLine } from '../../support/command-line.js';
import { queryOnce } from '../../support/database-admin.js';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.js';
import { until } from '../../support/until.js';

// As the doctor would have it.
const settings = { fsync: 'on', full_page_writes: 'on' };

let primary: PostgresServer;
let replica: PostgresServer;
let onPrimary: MacroStore;
let onReplica: MacroStore;
let chat: { userId: string; chatId: string };
beforeAll(async () => {
  primary = await startPostgresServer({ settings });
  await queryOnce(primary.url, 'create extension pg_stat_statements');
  onPrimary = createMacroStore({ database: { url: primary.url, max: 2 }, embedding: TINY });
  await must(onPrimary.migrate());
  chat = await createUserWithChat(onPrimary);
  replica = await startPostgresServer({ settings, replicaOf: primary });
  onReplica = createMacroStore({ database: { url: replica.url, max: 2 }, embedding: TINY });
});
afterAll(async () => {
  await Promise.all([onPrimary?.close(), onReplica?.close()]);
  await replica?.stop();
  await primary?.stop();
});

async function replicationOf(store: MacroStore): Promise<Replication> {
  const { replication } = await must(store.metrics.collectMetrics());
  if (!replication.available) throw new Error(replication.reason);
  return replication;
}

const lagBytes = async () => (await replicationOf(onPrimary)).replicas[0]?.lagBytes;

const write = () =>
  must(
    onPrimary.messages.appendMany({
      ...chat,
      messages: Array.from({ length: 200 }, (_, n) => aMessage({ content: `text ${n}`.repeat(20) })),
    }),
  );

describe('metrics.collectMetrics with a replica that streams', () => {
  it('tells each server its role, and that the replica has all', async () => {
    await until('the replica has all', async () => (await lagBytes()) === 0);
    expect(await replicationOf(onPrimary)).toMatchObject({
      role: 'primary',
      replicas: [{ state: 'streaming', lagBytes: 0 }],
      lagSeconds: null,
    });
    expect(await replicationOf(onReplica)).toMatchObject({ role: 'replica', replicas: [] });
  });

  it('tells how far the replica is behind while it does not replay, and that it has caught up', async () => {
    await write(); // until a transaction was replayed, a replica knows no age of one
    await until('the replica tells a lag', async () => (await replicationOf(onReplica)).lagSeconds !== null);
    await queryOnce(replica.url, 'select pg_wal_replay_pause()');
    await until('it is paused', async () => {
      const [row] = await queryOnce<{ state: string }>(
        replica.url,
        'select pg_get_wal_replay_pause_state() as state',
      );
      return row?.state === 'paused';
    });
    await write();
    const behind = await until(
      'the primary sees a lag',
      async () => ((await lagBytes()) ?? 0) > 0 && lagBytes(),
    );
    await write();
    await until('it grows with what is written', async () => ((await lagBytes()) ?? 0) > behind);

    const first = (await replicationOf(onReplica)).lagSeconds ?? 0;
    expect(first).toBeGreaterThan(0);
    await until('its own lag grows', async () => ((await replicationOf(onReplica)).lagSeconds ?? 0) > first);

    await queryOnce(replica.url, 'select pg_wal_replay_resume()');
    await until('it has caught up', async () => (await lagBytes()) === 0);
    expect((await must(onReplica.messages.list({ ...chat, limit: 1 }))).items).toHaveLength(1);
  });
});

describe('macro-store doctor', () => {
  it('says of a replica that it takes no writes, and finds nothing else', async () => {
    const { exitCode, stdout, stderr } = await runLine(
      ['doctor', '--json', '--dimensions', `${TINY.dimensions}`],
      {
        DATABASE_URL: replica.url,
      },
    );
    const { findings } = JSON.parse(stdout) as DoctorReport;
    const faults = findings.filter(({ severity }) => severity === 'error' || severity === 'warn');
    expect([exitCode, stderr, faults.map(({ id }) => id)]).toEqual([1, '', ['postgres.writable']]);
  });
});

describe('metrics.collectMetrics without its replica', () => {
  it('tells of no replica once it is gone', async () => {
    await onReplica.close();
    await replica.stop();
    await until(
      'the primary has noticed',
      async () => (await replicationOf(onPrimary)).replicas.length === 0,
    );
  });
});
