import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { NO_LEASE } from '../../../src/cache/reading.js';
import { FILL, READ, REMOVE, WRITE } from '../../../src/cache/redis-scripts.js';
import { createRedisTier } from '../../../src/cache/redis-tier.js';
import type { BorrowedRedisConfig } from '../../../src/config/redis-config.js';
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
  async evalsha(hash: string, _count: number, ...rest: unknown[]): Promise<unknown> {
    const name = NAMES.get(hash) ?? 'unknown';
    this.sent.push(`${name} ${rest.filter((part) => /^text/.test(String(part))).join()}`.trim());
    return name === 'read' ? [null, -2, ''] : [1];
  }
}

const NAMES = new Map([
  [READ.hash, 'read'],
  [FILL.hash, 'fill'],
  [WRITE.hash, 'write'],
  [REMOVE.hash, 'remove'],
]);

const text = (value: string) => [{ name: 'k', stamp: 's', text: `text ${value}`, ttlMs: 1_000 }];
const never = () => false;

function makeTier(client: RecordingClient) {
  const borrowed = client as unknown as BorrowedRedisConfig['client'];
  const link = new RedisLink({
    config: { kind: 'borrowed', client: borrowed, keyPrefix: '', commandTimeoutMillis: 5_000 },
    telemetry: silentTelemetry,
  });
  return { tier: createRedisTier(link, { keyPrefix: '' }), link };
}

describe('RedisTier', () => {
  it('does not send a write that was overtaken while it waited for the connection', async () => {
    const client = new RecordingClient();
    const { tier, link } = makeTier(client);
    let isOvertaken = false;
    const waiting = [tier.write(text('older'), () => isOvertaken), tier.remove(['k'], () => isOvertaken)];
    isOvertaken = true;
    const last = tier.write(text('newer'), never);
    client.becomeReady();
    expect(await Promise.all([...waiting, last])).toEqual([true, true, true]);
    expect(client.sent).toEqual(['write text newer']);
    await link.close();
  });

  it('sends nothing to a client that is not ready, which could keep it and send it later', async () => {
    const client = new RecordingClient();
    const { tier, link } = makeTier(client);
    client.becomeReady();
    await tier.read(['k'], NO_LEASE);
    // ioredis changes the status a turn before it tells.
    client.status = 'reconnecting';
    expect(await tier.write(text('v'), never)).toBe(false);
    expect(client.sent).toEqual(['read']);
    await link.close();
  });

  it('reads no key that a write under way may be about to change', async () => {
    const client = new RecordingClient();
    const { tier, link } = makeTier(client);
    const writing = tier.write(text('v'), never);
    const reading = tier.read(['k'], NO_LEASE);
    client.becomeReady();
    await Promise.all([writing, reading]);
    expect(client.sent).toEqual(['write text v']);
    await link.close();
  });

  it('stays down when the connection is lost again before the repair after its return is done', async () => {
    const client = new RecordingClient();
    const { tier, link } = makeTier(client);
    client.becomeReady();
    await tier.read(['k'], NO_LEASE);
    client.lose();
    await tier.remove(['k'], never);
    client.evalsha = async () => {
      client.lose();
      return [1];
    };
    client.becomeReady();
    await vi.waitFor(() => expect(client.sent).toContain('ping'));
    await new Promise((resolve) => setImmediate(resolve));
    expect([client.status, tier.isDown]).toEqual(['reconnecting', true]);
    await link.close();
  });
});
