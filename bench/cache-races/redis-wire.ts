import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../../test/support/server-process.js';

/**
 * A wire to Redis that knows which connections listen for messages, whoever's they are: those that have
 * sent SUBSCRIBE. So data can be late while messages are not, and messages can be lost while data is not.
 */
export interface RedisWire {
  readonly url: string;
  /** From now on answers to connections that do not listen arrive that much later. */
  delayData(ms: number): void;
  /** Ends all connections that listen, and every one that tries to, until `mendBus`. */
  cutBus(): void;
  mendBus(): void;
  close(): Promise<void>;
}

export async function startRedisWire(targetPort: number): Promise<RedisWire> {
  const wires = new Set<{ client: Socket; server: Socket; isListening: boolean }>();
  let delayMs = 0;
  let isBusCut = false;

  const proxy = createServer((client) => {
    const server = connect({ port: targetPort, host: '127.0.0.1' });
    const wire = { client, server, isListening: false };
    wires.add(wire);
    const end = () => {
      wires.delete(wire);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (chunk) => {
      if (/subscribe/i.test(chunk.toString('latin1'))) wire.isListening = true;
      if (wire.isListening && isBusCut) end();
      else server.write(chunk);
    });
    let last = Promise.resolve();
    server.on('data', (chunk) => {
      const dueAt = performance.now() + (wire.isListening ? 0 : delayMs);
      last = last
        .then(() => sleepUntil(dueAt))
        .then(() => {
          if (!client.destroyed) client.write(chunk);
        });
    });
  });
  const port = await findFreePort();
  proxy.listen(port, '127.0.0.1');
  await once(proxy, 'listening');

  const endAll = (isToEnd: (wire: { isListening: boolean }) => boolean) => {
    for (const wire of wires) if (isToEnd(wire)) wire.client.destroy();
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    delayData(ms) {
      delayMs = ms;
    },
    cutBus() {
      isBusCut = true;
      endAll(({ isListening }) => isListening);
    },
    mendBus() {
      isBusCut = false;
    },
    async close() {
      const closed = once(proxy, 'close');
      proxy.close();
      endAll(() => true);
      await closed;
    },
  };
}

// A timer takes a millisecond at least, which a wire without delay must not cost.
async function sleepUntil(dueAt: number): Promise<void> {
  const ms = dueAt - performance.now();
  if (ms > 0) await sleep(ms);
}
