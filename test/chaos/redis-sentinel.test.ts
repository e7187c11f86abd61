import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveConfig } from '../../src/config.js';
import { RedisLink } from '../../src/redis/redis-link.js';
import { onServer } from '../support/redis-cluster.js';
import { type RedisSentinel, startRedisSentinel } from '../support/redis-sentinel.js';
import type { RedisServer } from '../support/redis-server.js';

let servers: RedisSentinel;
let link: RedisLink;

beforeEach(async () => {
  servers = await startRedisSentinel();
  const { redis: config } = resolveConfig({ redis: servers.config });
  if (config === null) throw new Error('no Redis was configured');
  link = new RedisLink({ config, telemetry: { event: () => undefined } });
});
afterEach(async () => {
  await link.close();
  await servers.stop();
});

const write = (key: string) => link.run((client) => client.set(key, 'value', 'PX', 60_000));
const isIn = (server: RedisServer, key: string) => onServer(server, (redis) => redis.exists(key));

describe('a master that Sentinel watches', () => {
  it('is found, and used until it is gone', async () => {
    expect((await write('k')).kind).toBe('answer');
    expect(await isIn(servers.master, 'k')).toBe(1);
  });

  it.each([
    ['killed', (server: RedisServer) => server.kill()],
    ['hung', async (server: RedisServer) => server.stopProcess()],
  ])('is replaced by its replica when it is %s, without a new client', async (_, harm) => {
    await write('before');
    await harm(servers.master);
    await vi.waitFor(async () => expect((await write('after')).kind).toBe('answer'), 30_000);
    expect(await isIn(servers.replica, 'after')).toBe(1);
  });
});
