import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../harness/measure.js';
import type { OpenCache } from './cache-port.js';

export interface ReadsMade {
  readonly reads: number;
  readonly rejected: number;
  /** Not answered when the time was over, and a second after. */
  readonly unanswered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

interface Read {
  readonly startedAt: number;
  endedAt: number | null;
  isRejected: boolean;
}

const PATIENCE_MS = 1_000;

/** Reads that come at a steady rate, whether those before are answered or not: a server's callers do not wait for each other. */
export class SteadyReads {
  readonly #reads: Read[] = [];
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(cache: Pick<OpenCache, 'read'>, perSecond: number, nextKey: () => string) {
    this.#timer = setInterval(() => {
      const due = ((performance.now() - this.#startedAt) / 1_000) * perSecond;
      while (this.#reads.length < due) this.#start(cache.read(nextKey()));
    }, 1);
  }

  #start(answer: Promise<unknown>): void {
    const read: Read = { startedAt: performance.now(), endedAt: null, isRejected: false };
    this.#reads.push(read);
    answer.then(
      () => {
        read.endedAt = performance.now();
      },
      () => {
        read.endedAt = performance.now();
        read.isRejected = true;
      },
    );
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    const endsAt = performance.now() + PATIENCE_MS;
    while (performance.now() < endsAt && this.#reads.some(({ endedAt }) => endedAt === null)) await sleep(10);
  }

  /** Of the reads begun in a time of `performance.now()`. */
  between(from: number, to: number): ReadsMade {
    const reads = this.#reads.filter(({ startedAt }) => startedAt >= from && startedAt < to);
    const ms = reads.map(({ startedAt, endedAt }) => (endedAt ?? performance.now()) - startedAt);
    return {
      reads: reads.length,
      rejected: reads.filter(({ isRejected }) => isRejected).length,
      unanswered: reads.filter(({ endedAt }) => endedAt === null).length,
      p50Ms: percentile(ms, 0.5),
      p99Ms: percentile(ms, 0.99),
      slowestMs: Math.max(...ms),
    };
  }
}
