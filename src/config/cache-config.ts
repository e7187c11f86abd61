import { z } from 'zod';

export interface CacheConfig {
  /** Bound on the memory tier, in bytes, about: keys, values, and 256 an entry. 0: memory keeps nothing. */
  readonly memoryMaxBytes?: number;
  /** Whether calls share frozen values, or each gets a copy to change; see `CacheNamespaceOptions.values`. */
  readonly values?: 'frozen' | 'copied';
  /** Values above this many bytes are compressed in Redis. */
  readonly compressAboveBytes?: number;
  /** Loads at a time that Redis keeps no other process from, because it is out of reach; the others wait in line. */
  readonly maxUnsharedLoads?: number;
  /**
   * Whether `users.findById`, `getById` and `findByEmail`, `chats.findById`, `getById` and `isOwnedBy`, and
   * `messages.history` of up to 50 messages come through the cache; see docs/cache.md for what that promises.
   */
  readonly entities?: boolean | EntityCacheConfig;
}

export interface EntityCacheConfig {
  /** How long a row is served at most, up to 86,400; default 300. Bounds what a change past the store, by SQL of one's own, leaves outdated. */
  readonly ttlSeconds?: number;
}

export const CACHE_SETTING_DEFAULTS = {
  memoryMaxBytes: 64 * 1024 * 1024,
  values: 'frozen',
  compressAboveBytes: 64 * 1024,
  maxUnsharedLoads: 20,
  entities: false,
} as const;

export type ResolvedCache = Required<Omit<CacheConfig, 'entities'>> & {
  /** `null`: no rows come through the cache. */
  readonly entities: Required<EntityCacheConfig> | null;
};

const DEFAULT_ENTITY_TTL_SECONDS = 300;

export const cache: z.ZodType<ResolvedCache> = z.strictObject({
  memoryMaxBytes: z.int().min(0).default(CACHE_SETTING_DEFAULTS.memoryMaxBytes),
  values: z.enum(['frozen', 'copied']).default(CACHE_SETTING_DEFAULTS.values),
  compressAboveBytes: z.int().min(0).default(CACHE_SETTING_DEFAULTS.compressAboveBytes),
  maxUnsharedLoads: z.int().min(1).default(CACHE_SETTING_DEFAULTS.maxUnsharedLoads),
  entities: z
    .union(
      [
        z.boolean(),
        z.strictObject({ ttlSeconds: z.number().positive().max(86_400).default(DEFAULT_ENTITY_TTL_SECONDS) }),
      ],
      { error: 'must be true, false or { ttlSeconds }, of at most 86400' },
    )
    .default(CACHE_SETTING_DEFAULTS.entities)
    .transform((entities) => {
      if (entities === false) return null;
      return entities === true ? { ttlSeconds: DEFAULT_ENTITY_TTL_SECONDS } : entities;
    }),
});
