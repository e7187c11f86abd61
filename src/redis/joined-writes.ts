import type { Redis } from 'ioredis';
import type { RedisClient } from './redis-client.js';

/** The commands of one write. */
export interface Batch {
  /** By `performance.now()`; infinite until then. */
  sentAtMs: number;
}

/**
 * Sends the commands of one turn of the event loop in one write: answers arrive together, so what their callers
 * ask next is asked together, too. A write of its own for each would cost more than all the rest of a command.
 */
export class JoinedWrites {
  #batch: Batch | null = null;

  /** To be called before a command is sent. */
  hold(client: RedisClient): Batch {
    if (this.#batch !== null) return this.#batch;
    // A cluster has a stream for each server.
    const stream = client.isCluster ? undefined : (client as unknown as Redis).stream;
    if (stream === undefined) return { sentAtMs: performance.now() };
    const batch: Batch = { sentAtMs: Number.POSITIVE_INFINITY };
    this.#batch = batch;
    stream.cork();
    process.nextTick(() => {
      this.#batch = null;
      stream.uncork();
      batch.sentAtMs = performance.now();
    });
    return batch;
  }
}
