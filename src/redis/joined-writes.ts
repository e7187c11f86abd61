import type { Redis } from 'ioredis';
import type { RedisClient } from './redis-client.js';

/** The commands of one write. */
export interface Batch {
  /** By `performance.now()`; infinite until then. */
  sentAtMs: number;
}

/**
 * So many commands make a write at most: with the first of them Redis has something to do while the others are still
 * being asked for here.
 */
const MAX_COMMANDS = 16;

/**
 * Sends the commands of one turn of the event loop in one write or a few: answers arrive together, so what their
 * callers ask next is asked together, too. A write of its own for each would cost more than all the rest of a command.
 */
export class JoinedWrites {
  #batch: Batch | null = null;
  #commands = 0;
  #flush: () => void = () => undefined;

  /** To be called before a command is sent. */
  hold(client: RedisClient): Batch {
    // The one before it has been written into the stream by now.
    if (this.#commands === MAX_COMMANDS) this.#flush();
    this.#commands += 1;
    this.#batch ??= this.#begin(client);
    return this.#batch;
  }

  #begin(client: RedisClient): Batch {
    this.#commands = 1;
    // A cluster has a stream for each server.
    const stream = client.isCluster ? undefined : (client as unknown as Redis).stream;
    const batch: Batch = { sentAtMs: Number.POSITIVE_INFINITY };
    stream?.cork();
    const flush = () => {
      if (this.#batch !== batch) return;
      this.#batch = null;
      this.#commands = 0;
      stream?.uncork();
      batch.sentAtMs = performance.now();
    };
    this.#flush = flush;
    process.nextTick(flush);
    return batch;
  }
}
