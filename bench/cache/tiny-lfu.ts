import { LRUCache } from 'lru-cache';

const WINDOW_SHARE = 0.01;
const ROWS = 4;
const MAX_COUNT = 15;

/**
 * An LRU cache that takes in only what is asked for more often than what would have to go for it: W-TinyLFU
 * (Einziger, Friedman and Manes, 2017) over two caches of lru-cache, with the whole weight of those who would
 * go against the newcomer, since sizes differ ("Lightweight Robust Size Aware Cache Management", 2022).
 */
export class TinyLfuCache {
  readonly #window: LRUCache<string, { readonly bytes: number }>;
  readonly #main: LRUCache<string, { readonly bytes: number }>;
  readonly #counts: FrequencySketch;

  constructor(maxBytes: number, expectedEntries: number) {
    this.#main = new LRUCache({ maxSize: Math.floor(maxBytes * (1 - WINDOW_SHARE)) });
    this.#window = new LRUCache({
      maxSize: Math.max(1, Math.floor(maxBytes * WINDOW_SHARE)),
      dispose: ({ bytes }, key, reason) => {
        if (reason === 'evict') this.#offer(key, bytes);
      },
    });
    this.#counts = new FrequencySketch(expectedEntries);
  }

  has(key: string): boolean {
    this.#counts.add(key);
    return this.#main.get(key) !== undefined || this.#window.get(key) !== undefined;
  }

  set(key: string, bytes: number): void {
    if (this.#main.has(key)) this.#main.set(key, { bytes }, { size: bytes });
    else if (bytes > this.#window.maxSize) this.#offer(key, bytes);
    else this.#window.set(key, { bytes }, { size: bytes });
  }

  delete(key: string): void {
    this.#window.delete(key);
    this.#main.delete(key);
  }

  #offer(key: string, bytes: number): void {
    const frequency = this.#counts.of(key);
    let toFree = this.#main.calculatedSize + bytes - this.#main.maxSize;
    let frequencyOfVictims = 0;
    const victims: string[] = [];
    if (toFree > 0) {
      for (const victim of this.#main.rkeys()) {
        victims.push(victim);
        frequencyOfVictims += this.#counts.of(victim);
        if (frequencyOfVictims >= frequency) return;
        toFree -= this.#main.peek(victim)?.bytes ?? 0;
        if (toFree <= 0) break;
      }
    }
    for (const victim of victims) this.#main.delete(victim);
    this.#main.set(key, { bytes }, { size: bytes });
  }
}

/** About how often each key came of late: a count-min sketch whose counts are halved time and again. */
class FrequencySketch {
  readonly #counts: Uint8Array;
  readonly #mask: number;
  readonly #maxAdded: number;
  #added = 0;

  constructor(expectedEntries: number) {
    const width = 2 ** Math.ceil(Math.log2(Math.max(64, 4 * expectedEntries)));
    this.#counts = new Uint8Array(ROWS * width);
    this.#mask = width - 1;
    this.#maxAdded = 10 * Math.max(64, expectedEntries);
  }

  add(key: string): void {
    const hash = hashOf(key);
    for (let row = 0; row < ROWS; row += 1) {
      const place = this.#placeOf(hash, row);
      const count = this.#counts[place] ?? 0;
      if (count < MAX_COUNT) this.#counts[place] = count + 1;
    }
    this.#added += 1;
    if (this.#added < this.#maxAdded) return;
    this.#added >>= 1;
    for (let place = 0; place < this.#counts.length; place += 1) {
      this.#counts[place] = (this.#counts[place] ?? 0) >> 1;
    }
  }

  of(key: string): number {
    const hash = hashOf(key);
    let least = MAX_COUNT;
    for (let row = 0; row < ROWS; row += 1) {
      least = Math.min(least, this.#counts[this.#placeOf(hash, row)] ?? 0);
    }
    return least;
  }

  #placeOf(hash: number, row: number): number {
    const mixed = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1 + 2 * row * 0x61c88647);
    return row * (this.#mask + 1) + ((mixed ^ (mixed >>> 16)) & this.#mask);
  }
}

/** FNV-1a. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let place = 0; place < key.length; place += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(place), 0x01000193);
  }
  return hash;
}
