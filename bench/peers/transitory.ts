import { newCache } from 'transitory';
import type { TransitoryPeer } from '../cache/policies.js';

export const transitory: TransitoryPeer['transitory'] = {
  name: 'transitory',
  open(maxBytes) {
    const cache = newCache<string, number>()
      .maxSize(maxBytes)
      .withWeigher((_, bytes) => bytes)
      .build();
    return {
      has: (key) => cache.getIfPresent(key) !== null,
      set: (key, bytes) => void cache.set(key, bytes),
      delete: (key) => void cache.delete(key),
    };
  },
};
