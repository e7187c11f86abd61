import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

const RANDOM_BYTES = 16;

// A call for random bytes is a call to the system: 256 ids share one. It was a tenth of an import's work.
const pool = new Uint8Array(256 * RANDOM_BYTES);
let used = pool.length;
let msecs = Number.NEGATIVE_INFINITY;
let seq = 0;

/** A UUID v7 above all that this process made before, as `uuid` makes them, for one of very many rows. */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  const now = Date.now();
  if (now > msecs) {
    msecs = now;
    // Of 32 bits; half of them are left for the ids of the same millisecond.
    seq = ((random[6] ?? 0) & 0x7f) * 2 ** 24 + (random[7] ?? 0) * 2 ** 16 + (random[8] ?? 0) * 2 ** 8;
  } else {
    seq += 1;
  }
  return uuidv7({ random, msecs, seq });
}
