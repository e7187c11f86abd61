import { withDeadline } from './deadline.js';
import { type RedisClient, serversOf } from './redis-client.js';
import type { RedisConnection } from './redis-connection.js';

export interface RedisProbeOptions {
  readonly connection: RedisConnection;
  readonly timeoutMs: number;
  readonly repair: () => Promise<boolean>;
  /** Redis has answered, the repair is done, and the connection still stands. */
  readonly onHealthy: () => void;
}

const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 500;
const UNANSWERED_TO_DROP = 3;

/**
 * Looks for Redis in the background until it answers: connects again, sends PING, has the repair done.
 * Tries follow each other after 25–50 ms at first and 250–500 ms later; the jitter keeps many processes from
 * coming back in step. Its timer does not keep the process alive.
 */
export class RedisProbe {
  readonly #options: RedisProbeOptions;
  #timer: NodeJS.Timeout | null = null;
  #isRunning = false;
  #isStopped = false;
  #tries = 0;
  #unanswered = 0;
  #ping: Promise<boolean> | null = null;

  constructor(options: RedisProbeOptions) {
    this.#options = options;
  }

  /** Begins to look, unless it does. */
  soon(): void {
    this.#schedule(FIRST_DELAY_MS);
  }

  now(): void {
    this.#cancel();
    this.#schedule(0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== null || this.#isStopped || this.#options.connection.isHopeless) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        void this.#try();
      },
      delayMs * (0.5 + Math.random() / 2),
    );
    this.#timer.unref();
  }

  async #try(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const isHealthy = (await this.#isAnswering()) && (await this.#options.repair());
    this.#isRunning = false;
    // The connection may have been lost since it answered; nothing would start another probe then.
    if (isHealthy && this.#options.connection.readyClient !== null) {
      this.#tries = 0;
      this.#unanswered = 0;
      this.#options.onHealthy();
      return;
    }
    this.#tries += 1;
    this.#schedule(Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#tries));
  }

  async #isAnswering(): Promise<boolean> {
    const { connection } = this.#options;
    if (connection.connect()) {
      // When it is ready, that brings the next try.
      this.#unanswered = 0;
      return false;
    }
    const client = connection.readyClient;
    if (client !== null && (await this.#isPinged(client))) return true;
    // Either PING or the handshake of a new connection gets no answer: half-open, or a server that hangs.
    this.#unanswered += 1;
    if (this.#unanswered >= UNANSWERED_TO_DROP) {
      this.#unanswered = 0;
      connection.drop();
    }
    return false;
  }

  async #isPinged(client: RedisClient): Promise<boolean> {
    // One PING at a time: on a connection that hangs, each more would wait in ioredis's queue for ever.
    this.#ping ??= this.#send(client);
    const ping = this.#ping;
    const pong = await withDeadline(this.#options.timeoutMs, () => ping);
    return pong.kind === 'done' && pong.value;
  }

  // Of a cluster one server that answers is enough: the commands to another fail one by one.
  async #send(client: RedisClient): Promise<boolean> {
    const servers = serversOf(client);
    const answers = servers.map(isAnswering);
    if (servers.length > 1) void this.#dropSilent(servers, answers);
    try {
      await Promise.any(answers);
      return true;
    } catch {
      return false;
    } finally {
      this.#ping = null;
    }
  }

  // A server that hangs alone. When none answers, it may be this process that was slow.
  async #dropSilent(servers: readonly RedisClient[], answers: readonly Promise<void>[]): Promise<void> {
    const { connection, timeoutMs } = this.#options;
    const ends = await Promise.all(answers.map((answer) => withDeadline(timeoutMs, () => answer)));
    if (!ends.some(({ kind }) => kind === 'done')) return;
    servers.forEach((server, index) => {
      if (ends[index]?.kind === 'late') connection.drop(server);
    });
  }
}

async function isAnswering(server: RedisClient): Promise<void> {
  try {
    await server.ping();
  } catch (error) {
    // An error that Redis sent is an answer, such as NOPERM for PING.
    if (!(error instanceof Error && error.name === 'ReplyError')) throw error;
  }
}
