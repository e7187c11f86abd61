import type { ResolvedRedis } from '../config/redis-config.js';
import type { LoadIoredis } from './make-client.js';
import type { RedisClient } from './redis-client.js';
import { isAtRest, openRedisHandle, type RedisHandle } from './redis-handle.js';

export interface RedisConnectionOptions {
  readonly config: ResolvedRedis;
  readonly loadIoredis: LoadIoredis;
  readonly onReady: (client: RedisClient) => void;
  /** Called for each end of a connection, and when there can be none. */
  readonly onLost: (reason: string) => void;
}

/** One client, our own or a borrowed one, from before it exists until it is closed. */
export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #opening: Promise<void>;
  #handle: RedisHandle | null = null;
  #readiness = newReadiness();
  #isHopeless = false;
  #isWanted = false;
  #isClosed = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    // Loads ioredis, which takes as long as a command may; connects to nothing.
    this.#opening = this.#open();
  }

  /** There will never be a client: ioredis is not installed. */
  get isHopeless(): boolean {
    return this.#isHopeless;
  }

  /** The client, if a command can be sent now. */
  get readyClient(): RedisClient | null {
    const client = this.#handle?.client;
    return client?.status === 'ready' ? client : null;
  }

  /** The client as soon as it is ready; `null` when the connection was lost meanwhile. The first call connects. */
  whenReady(): Promise<RedisClient | null> {
    if (!this.#isWanted) {
      this.#isWanted = true;
      void this.#opening.then(() => this.connect());
    }
    return this.#readiness.promise;
  }

  /** Connects, unless it is connecting or connected. Whether it was at rest. */
  connect(): boolean {
    if (this.#handle === null || this.#isClosed) return false;
    const wasAtRest = isAtRest(this.#handle.client);
    this.#handle.connect();
    // Still: a borrowed client that its owner has closed.
    if (this.#handle.client.status === 'end') this.#onLost();
    return wasAtRest;
  }

  /** Ends our own connection when it hangs, of a cluster that to one server; a borrowed one is its owner's. */
  drop(server?: RedisClient): void {
    this.#handle?.dropConnection(server);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#readiness.settle(null);
    await this.#opening;
    if (this.#handle === null) return;
    this.#handle.client.off('ready', this.#onReady).off('close', this.#onLost).off('end', this.#onLost);
    await this.#handle.close();
  }

  async #open(): Promise<void> {
    try {
      this.#handle = await openRedisHandle(this.#options.config, this.#options.loadIoredis);
    } catch {
      this.#isHopeless = true;
      this.#lose('ioredis-not-installed');
      return;
    }
    this.#handle.client.on('ready', this.#onReady).on('close', this.#onLost).on('end', this.#onLost);
    this.#onReady();
  }

  readonly #onReady = (): void => {
    const client = this.readyClient;
    if (client === null || this.#isClosed) return;
    this.#readiness.settle(client);
    this.#options.onReady(client);
  };

  readonly #onLost = (): void => {
    if (this.readyClient === null) this.#lose('connection-lost');
  };

  // Those who wait go on without it; who comes later waits for the next connection.
  #lose(reason: string): void {
    if (this.#isClosed) return;
    this.#readiness.settle(null);
    this.#readiness = newReadiness();
    this.#options.onLost(reason);
  }
}

function newReadiness() {
  let settle: (client: RedisClient | null) => void = () => undefined;
  const promise = new Promise<RedisClient | null>((resolve) => {
    settle = resolve;
  });
  return { promise, settle };
}
