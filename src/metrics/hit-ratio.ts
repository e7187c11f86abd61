import type { CacheHitRatio } from './database-health.js';

export interface BlockCounts {
  readonly blocksHit: number;
  readonly blocksRead: number;
}

/** The share of blocks found in memory, of a lifetime and since the reading before. */
export class HitRatio {
  #before: BlockCounts | null = null;

  next(now: BlockCounts): CacheHitRatio {
    const before = this.#before;
    this.#before = now;
    return { lifetime: shareOf(now), sinceLastCollection: before && shareOf(grown(before, now)) };
  }
}

/** Counters that are lower than before were reset meanwhile: all they hold is new. */
function grown(before: BlockCounts, now: BlockCounts): BlockCounts {
  if (now.blocksHit < before.blocksHit || now.blocksRead < before.blocksRead) return now;
  return {
    blocksHit: now.blocksHit - before.blocksHit,
    blocksRead: now.blocksRead - before.blocksRead,
  };
}

function shareOf({ blocksHit, blocksRead }: BlockCounts): number | null {
  const blocks = blocksHit + blocksRead;
  return blocks === 0 ? null : blocksHit / blocks;
}
