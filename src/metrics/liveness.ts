import type { PoolState } from '../database/managed-pool.js';

/** Whether this process can still serve calls, or should be started anew. */
export interface StoreLiveness {
  /** `false` when the pool is stuck. */
  readonly isAlive: boolean;
  /** Since when calls wait for a connection and none came back; `null` unless that is longer than `stuckAfterMs`. */
  readonly poolStuckSince: Date | null;
}

export interface LivenessOptions {
  /** Above any statement or transaction that is meant to be; default 90,000. */
  readonly stuckAfterMs?: number;
}

/** Above the 30 s of a statement and the 60 s of an idle transaction, which end by themselves. */
const DEFAULT_STUCK_AFTER_MS = 90_000;

/**
 * A server out of reach does not make a process dead, which a restart would not mend: then calls fail, and
 * do not wait. Notices a wait when it is asked, so that it must be asked now and then.
 */
export function createLiveness(
  pool: (() => PoolState) | null,
  clock: () => number,
): (options?: LivenessOptions) => StoreLiveness {
  let waitingSinceMs: number | null = null;
  return ({ stuckAfterMs = DEFAULT_STUCK_AFTER_MS } = {}) => {
    const now = performance.now();
    const state = pool?.();
    if (state === undefined || state.waiting === 0) {
      waitingSinceMs = null;
      return { isAlive: true, poolStuckSince: null };
    }
    waitingSinceMs ??= now;
    const stuckForMs = now - Math.max(waitingSinceMs, state.returnedAtMs ?? waitingSinceMs);
    if (stuckForMs <= stuckAfterMs) return { isAlive: true, poolStuckSince: null };
    return { isAlive: false, poolStuckSince: new Date(clock() - stuckForMs) };
  };
}
