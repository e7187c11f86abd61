import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { createRedisTier } from '../../../src/cache/redis-tier.js';
import type { BorrowedRedisConfig } from '../../../src/config.js';
import { RedisLink } from '../../../src/redis/redis-link.js';
import { silentTelemetry } from '../../../src/telemetry.js';

/** A client that notes what it is asked to send, and is ready when told. */
class RecordingClient extends EventEmitter {
  status = 'connecting';
  readonly isCluster = false;
  readonly options = {};
  readonly sent: string[] = [];

  becomeReady(): void {
    this.status = 'ready';
    this.emit('ready');
  }
  lose(): void {
    this.status = 'reconnecting';
    this.emit('close');
  }
  async connect(): Promise<void> {}
  async ping(): Promise<string> {
    this.sent.push('ping');
    return 'PONG';
  }
  async evalsha(_hash: string, count: number): Promise<unknown[]> {
    this.sent.push('read');
    return Array(2 * count).fill(null);
  }
  async set(key: string, value: string): Promise<string> {
    this.sent.push(`set ${key}=${value}`);
    return 'OK';
  }
  async del(...keys: string[]): Promise<number> {
    this.sent.push(`del ${keys.join()}`);
    return keys.length;
  }
}

function makeTier(client: RecordingClient) {
  const borrowed = client as unknown as BorrowedRedisConfig['client'];
  const link = new RedisLink({
    config: { kind: 'borrowed', client: borrowed, keyPrefix: '', commandTimeoutMillis: 5_000 },
    telemetry: silentTelemetry,
  });
  return { tier: createRedisTier(link, { keyPrefix: '' }), link };
}

describe('RedisTier', () => {
  it('does not send a fill or a write that was overtaken while it waited for the connection', async () => {
    const client = new RecordingClient();
    const { tier, link } = makeTier(client);
    let isOvertaken = false;
    const waiting = [
      tier.fill('k', 'loaded', 1_000, () => isOvertaken),
      tier.write('k', 'older', 1_000, () => isOvertaken),
      tier.remove('k', () => isOvertaken),
    ];
    isOvertaken = true;
    const last = tier.write('k', 'newer', 1_000, () => false);
    client.becomeReady();
    expect(await Promise.all([...waiting, last])).toEqual([false, true, true, true]);
    expect(client.sent).toEqual(['set cache:k=newer']);
    await link.close();
  });

  it('sends nothing to a client that is not ready, which could keep it and send it later', async () => {
    const client = new RecordingClient();
    const { tier, link } = makeTier(client);
    client.becomeReady();
    await tier.read(['k']);
    // ioredis changes the status a turn before it tells.
    client.status = 'reconnecting';
    expect(await tier.write('k', 'v', 1_000, () => false)).toBe(false);
    expect(client.sent).toEqual(['read']);
    await link.close();
  });

  it('reads no key that a write under way may be about to change', async () => {
    const client = new RecordingClient();
    const { tier, link } = makeTier(client);
    const writing = tier.write('k', 'v', 1_000, () => false);
    const reading = tier.read(['k']);
    client.becomeReady();
    await Promise.all([writing, reading]);
    expect(client.sent).toEqual(['set cache:k=v']);
    await link.close();
  });

  it('stays down when the connection is lost again before the repair after its return is done', async () => {
    const client = new RecordingClient();
    const { tier, link } = makeTier(client);
    client.becomeReady();
    await tier.read(['k']);
    client.lose();
    await tier.remove('k', () => false);
    client.del = async () => {
      client.lose();
      return 1;
    };
    client.becomeReady();
    await vi.waitFor(() => expect(client.sent).toContain('ping'));
    await new Promise((resolve) => setImmediate(resolve));
    expect([client.status, tier.isDown]).toEqual(['reconnecting', true]);
    await link.close();
  });
});
