import { withDeadline } from './deadline.js';
import type { RedisClient } from './redis-client.js';

/** What a connection that listens needs beyond what {@link RedisClient} has; `Redis` of ioredis fits. */
interface ListeningClient extends RedisClient {
  call(command: string, ...commandArguments: (string | number)[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}

interface DuplicableClient extends RedisClient {
  duplicate(options: object): ListeningClient;
}

export interface RedisSubscriberOptions {
  /** `null`: Redis told of a change without saying which, as after FLUSHALL. */
  readonly onMessage: (channel: string, payload: readonly string[] | null) => void;
  /** Called once, when the connection has ended or has not answered for too long. */
  readonly onLost: () => void;
}

const CONNECT_TIMEOUT_MS = 2_000;
const HEARTBEAT_EVERY_MS = 1_000;
const HEARTBEAT_TIMEOUT_MS = 1_000;

const LISTENING = {
  // RESP3 would bring invalidations as pushes, which ioredis drops.
  protocol: 2,
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: CONNECT_TIMEOUT_MS,
  disconnectTimeout: 100,
  retryStrategy: () => null,
  reconnectOnError: null,
  keyPrefix: '',
};

/** Whether a second connection can be made to where this client leads. */
export function canListen(client: RedisClient): boolean {
  return 'duplicate' in client && typeof client.duplicate === 'function';
}

/**
 * One connection of our own to the server of another client, that only listens. It never connects again:
 * what was missed meanwhile nobody knows, so its owner makes a new one and starts afresh.
 *
 * A PING a second finds out that it no longer works, in 2 s at most.
 */
export class RedisSubscriber {
  readonly #client: ListeningClient;
  readonly #onLost: () => void;
  #heartbeat: NodeJS.Timeout | null = null;
  #isEnded = false;

  constructor(server: RedisClient, { onMessage, onLost }: RedisSubscriberOptions) {
    this.#client = (server as DuplicableClient).duplicate(LISTENING);
    this.#onLost = onLost;
    // Each error also ends the connection or fails a command.
    this.#client.on('error', () => undefined);
    this.#client.on('end', () => this.#lose());
    this.#client.on('messageBuffer', (channel: Buffer, payload: Buffer | Buffer[] | null) => {
      if (this.#isEnded) return;
      const parts = payload === null ? null : [payload].flat().map((part) => part.toString());
      onMessage(channel.toString(), parts);
    });
  }

  /** Connects, and begins to watch the connection. Rejects when that fails. */
  async open(): Promise<void> {
    await this.#client.connect();
    this.#heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_EVERY_MS);
    this.#heartbeat.unref();
  }

  /** Sends a command; only before the first {@link subscribe}. */
  call(command: string, ...commandArguments: (string | number)[]): Promise<unknown> {
    return this.#client.call(command, ...commandArguments);
  }

  async subscribe(channel: string): Promise<void> {
    await this.#client.subscribe(channel);
  }

  close(): Promise<void> {
    this.#isEnded = true;
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    const { status } = this.#client;
    if (status === 'end' || status === 'wait') return Promise.resolve();
    const ended = new Promise<void>((resolve) => this.#client.once('end', () => resolve()));
    this.#client.disconnect();
    return withDeadline(CONNECT_TIMEOUT_MS, () => ended).then(() => undefined);
  }

  async #beat(): Promise<void> {
    const pong = await withDeadline(HEARTBEAT_TIMEOUT_MS, () => this.#client.ping());
    if (pong.kind !== 'done') this.#lose();
  }

  #lose(): void {
    if (this.#isEnded) return;
    void this.close();
    this.#onLost();
  }
}
