import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveConfig } from '../../src/config.js';
import { deleteAll } from '../../src/redis/redis-client.js';
import { RedisLink, type Reply } from '../../src/redis/redis-link.js';
import { defineScript, runScript } from '../../src/redis/redis-script.js';
import type { StoreEvent } from '../../src/telemetry.js';
import { onServer, type RedisCluster, startRedisCluster } from '../support/redis-cluster.js';
import type { RedisServer } from '../support/redis-server.js';

const DEADLINE_MS = 250;
// A bound for a busy machine: without deadlines these calls take seconds or never end.
const GENEROUS_MS = 10 * DEADLINE_MS;

const COUNT = defineScript("return redis.call('INCR', KEYS[1])");
const KEYS = Array.from({ length: 200 }, (_, index) => `k${index}`);

let cluster: RedisCluster;
let link: RedisLink;
let events: StoreEvent[];

function openLink(): void {
  events = [];
  const { redis: config } = resolveConfig({
    redis: { nodes: cluster.nodes, commandTimeoutMillis: DEADLINE_MS },
  });
  if (config === null) throw new Error('no Redis was configured');
  link = new RedisLink({ config, telemetry: { event: (event) => void events.push(event) } });
}

const count = (key: string): Promise<Reply<unknown>> => link.run((client) => runScript(client, COUNT, [key]));

async function keysOf(server: RedisServer, seenBy?: RedisServer): Promise<string[]> {
  const owners = await Promise.all(KEYS.map((key) => cluster.masterOf(key, seenBy)));
  return KEYS.filter((_, index) => owners[index] === server);
}

function masterAt(index: number): RedisServer {
  const found = cluster.masters[index];
  if (found === undefined) throw new Error('no such master');
  return found;
}

const counted = (key: string) =>
  vi.waitFor(async () => expect((await count(key)).kind).toBe('answer'), 20_000);

const takenDown = () =>
  vi.waitFor(async () => {
    await count('a');
    expect(link.isDown).toBe(true);
  }, 20_000);

describe('a cluster of three masters', () => {
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());
  beforeEach(openLink);
  afterEach(() => link.close());

  it('answers for the keys of every slot, also when the first commands come at once', async () => {
    const replies = await Promise.all(KEYS.map(count));
    expect(replies).toEqual(KEYS.map(() => ({ kind: 'answer', value: 1 })));
    for (const master of cluster.masters) {
      expect(await onServer(master, (redis) => redis.dbsize())).toBeGreaterThan(0);
    }
    expect((await link.run((client) => deleteAll(client, KEYS))).kind).toBe('answer');
    for (const master of cluster.masters) expect(await onServer(master, (redis) => redis.dbsize())).toBe(0);
    expect(events).toEqual([]);
  });

  it('refuses keys of two slots in one script, and stays up', async () => {
    const two = await link.run((client) => runScript(client, COUNT, ['a', 'b']));
    expect(two.kind).toBe('refusal');
    expect(link.isDown).toBe(false);
  });

  it('loses the keys of a killed server only, each call bounded, and has them back after its restart', async () => {
    const dead = masterAt(2);
    const theirs = await keysOf(dead);
    const others = KEYS.filter((key) => !theirs.includes(key));
    for (const key of KEYS) await counted(key);
    await dead.kill();

    for (const key of theirs.slice(0, 10)) {
      const startedAt = performance.now();
      expect((await count(key)).kind).not.toBe('answer');
      expect(performance.now() - startedAt).toBeLessThan(GENEROUS_MS);
    }
    for (const key of others.slice(0, 10)) await counted(key);

    await dead.restart();
    for (const key of theirs.slice(0, 10)) await counted(key);
  });

  it('bounds the calls to a server that hangs, and uses it again when it goes on', async () => {
    const hung = masterAt(1);
    const theirs = (await keysOf(hung)).slice(0, 30);
    for (const key of theirs) await counted(key);
    hung.stopProcess();
    const startedAt = performance.now();
    const replies = await Promise.all(theirs.map(count));
    expect(performance.now() - startedAt).toBeLessThan(GENEROUS_MS);
    expect(replies.every(({ kind }) => kind === 'late' || kind === 'unreachable')).toBe(true);
    hung.continueProcess();
    for (const key of theirs) await counted(key);
  });

  it('goes down when all servers are gone, and comes back by itself', async () => {
    await counted('a');
    await Promise.all(cluster.masters.map((master) => master.kill()));
    await takenDown();
    const startedAt = performance.now();
    for (const key of KEYS) expect((await count(key)).kind).toBe('unreachable');
    expect(performance.now() - startedAt).toBeLessThan(GENEROUS_MS);
    await Promise.all(cluster.masters.map((master) => master.restart()));
    for (const key of KEYS) await counted(key);
    expect(events.at(-1)).toEqual({ type: 'redis.recovered' });
  });

  it('comes back after all servers hung for a while', async () => {
    await counted('a');
    for (const master of cluster.masters) master.stopProcess();
    await takenDown();
    // Long enough for the probe to drop the connections.
    await new Promise((resolve) => setTimeout(resolve, 8 * DEADLINE_MS));
    for (const master of cluster.masters) master.continueProcess();
    for (const key of KEYS) await counted(key);
  });

  it('closes while a server hangs', async () => {
    await counted('a');
    masterAt(0).stopProcess();
    const startedAt = performance.now();
    await link.close();
    expect(performance.now() - startedAt).toBeLessThan(GENEROUS_MS);
    masterAt(0).continueProcess();
  });
});

describe('a cluster with replicas', () => {
  beforeAll(async () => {
    cluster = await startRedisCluster({ replicasPerMaster: 1, nodeTimeoutMs: 500 });
  });
  afterAll(() => cluster.stop());
  beforeEach(openLink);
  afterEach(() => link.close());

  it.each([
    ['is killed', (server: RedisServer) => server.kill()],
    ['hangs', async (server: RedisServer) => server.stopProcess()],
  ])('goes on with the replica of a master that %s', async (_, harm) => {
    const lost = await cluster.masterOf('k1');
    const seenBy = cluster.masters.find((master) => master !== lost);
    await counted('k1');
    await harm(lost);
    await vi.waitFor(
      async () => {
        await count('k1');
        expect(await cluster.masterOf('k1', seenBy)).not.toBe(lost);
      },
      { timeout: 20_000, interval: 50 },
    );
    await counted('k1');
    lost.continueProcess();
    await lost.restart();
  });
});
