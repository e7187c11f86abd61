import { LRUCache } from 'lru-cache';
import { TinyLfuCache } from './tiny-lfu.js';

/** Which of the values a memory of so many bytes keeps. */
export interface Policy {
  readonly name: string;
  open(maxBytes: number, meanBytes: number): KeptKeys;
}

/** Names without values: which are there is all that counts. */
export interface KeptKeys {
  has(key: string): boolean;
  set(key: string, bytes: number): void;
  delete(key: string): void;
}

/** What `bench/peers/transitory.ts` has. */
export interface TransitoryPeer {
  readonly transitory: Policy;
}

/** As the store does. */
export const LRU = 'lru-cache, by bytes';

export const policies: readonly Policy[] = [
  {
    name: LRU,
    open: (maxBytes) =>
      lruOf(new LRUCache<string, number>({ maxSize: maxBytes, sizeCalculation: (bytes) => bytes })),
  },
  {
    // bentocache, cacheable and layered-loader; as many as fit if all were of the mean size.
    name: 'LRU, by number',
    open: (maxBytes, meanBytes) =>
      lruOf(new LRUCache<string, number>({ max: Math.max(1, Math.round(maxBytes / meanBytes)) })),
  },
  {
    name: 'W-TinyLFU',
    open: (maxBytes, meanBytes) => new TinyLfuCache(maxBytes, Math.round(maxBytes / meanBytes)),
  },
];

function lruOf(cache: LRUCache<string, number>): KeptKeys {
  return {
    has: (key) => cache.get(key) !== undefined,
    set: (key, bytes) => void cache.set(key, bytes),
    delete: (key) => void cache.delete(key),
  };
}
