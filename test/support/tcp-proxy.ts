import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from './server-process.js';

/** A wire that can be slow, silent or cut, in front of a server on this machine. */
export interface TcpProxy {
  readonly port: number;
  /** From now on answers arrive `ms` later: a round trip takes that much longer. 0 ends it. */
  delay(ms: number): void;
  /** Keeps every byte back, in both directions. Connecting still works. */
  stall(): void;
  /** Ends `stall()`: what was kept back arrives, in order. */
  resume(): void;
  /** Resets every open connection (RST). New ones are accepted. */
  cut(): void;
  /** Cuts, and refuses new connections. */
  close(): Promise<void>;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let answerDelayMs = 0;
  let open = Promise.resolve();
  let openAgain = () => {};

  function track(socket: Socket): Socket {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    return socket;
  }

  function forward(from: Socket, to: Socket, delayMs: () => number): void {
    // One chain a direction keeps the order when the delay changes; due times let chunks travel at once.
    let last = Promise.resolve();
    const inOrder = (step: () => void) => {
      const due = performance.now() + delayMs();
      last = last
        .then(() => sleepUntil(due))
        .then(() => open)
        .then(step);
    };
    from.on('data', (chunk) => inOrder(() => void (to.destroyed || to.write(chunk))));
    from.on('end', () => inOrder(() => void to.end()));
    from.on('close', () => inOrder(() => void to.destroy()));
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true });
    track(client);
    track(upstream);
    forward(client, upstream, () => 0);
    forward(upstream, client, () => answerDelayMs);
  });
  const port = await findFreePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  function cut(): void {
    for (const socket of sockets) socket.resetAndDestroy();
  }

  function resume(): void {
    openAgain();
    open = Promise.resolve();
  }

  return {
    port,
    delay(ms) {
      answerDelayMs = ms;
    },
    stall() {
      resume();
      open = new Promise((resolve) => {
        openAgain = resolve;
      });
    },
    resume,
    cut,
    async close() {
      const closed = once(server, 'close');
      server.close();
      cut();
      resume();
      await closed;
    },
  };
}

// A timer takes a millisecond at least, which an undelayed wire must not cost.
async function sleepUntil(due: number): Promise<void> {
  const ms = due - performance.now();
  if (ms > 0) await sleep(ms);
}
