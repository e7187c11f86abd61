import { type NamespacePath, nameOf } from './cache-key.js';
import { CACHE_DEFAULTS, type CacheLoadOptions } from './cache-options.js';
import { ttlToMs } from './time-to-live.js';

/** The options of one call with nothing left out, checked and in milliseconds. */
export interface CachePolicy {
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly negativeTtlMs: number;
  readonly jitter: number;
  readonly earlyRefresh: number;
  readonly softDeadlineMs: number;
  readonly hardDeadlineMs: number | null;
  readonly waitMs: number;
  readonly backoffMs: number;
  /** Names, each once. */
  readonly tags: readonly string[];
  readonly skipCache: boolean;
}

/** Of options that were checked. What a call leaves out, or gives as `undefined`, is the namespace's. */
export function policyOf(
  path: NamespacePath,
  defaults: CacheLoadOptions,
  options: CacheLoadOptions | undefined,
): CachePolicy {
  const filled = filledFrom<FilledOptions>(filledFrom<FilledOptions>(CACHE_DEFAULTS, defaults), options);
  const ttlMs = ttlToMs(filled.ttlSeconds);
  return {
    ttlMs,
    staleMs: Math.round(filled.staleSeconds * 1000),
    negativeTtlMs: filled.negativeTtlSeconds === undefined ? ttlMs : ttlToMs(filled.negativeTtlSeconds),
    jitter: filled.jitter,
    earlyRefresh: filled.earlyRefresh,
    softDeadlineMs: filled.softDeadlineMs,
    hardDeadlineMs: filled.hardDeadlineMs ?? null,
    waitMs: filled.waitMs,
    backoffMs: Math.round(filled.backoffMs),
    tags: [...new Set(filled.tags)].map((tag) => nameOf(path, tag)),
    skipCache: filled.skipCache,
  };
}

type FilledOptions = CacheLoadOptions & Required<Pick<CacheLoadOptions, keyof typeof CACHE_DEFAULTS>>;

export function filledFrom<T extends object>(defaults: T, options: Partial<T> | undefined): T {
  const filled = { ...defaults };
  for (const field in options) {
    const value = options[field];
    if (value !== undefined) filled[field] = value;
  }
  return filled;
}

/** A life, shortened by up to the given share of it. */
export function jittered(ttlMs: number, jitter: number): number {
  return jitter === 0 ? ttlMs : Math.max(1, Math.round(ttlMs * (1 - jitter * Math.random())));
}

/**
 * How long before its end a value is to be loaded anew, drawn at random: XFetch of Vattani, Chierichetti and
 * Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015. Of many who draw, the first to
 * refresh does so about as early as the load takes.
 */
export function earlyRefreshMs(loadMs: number, earlyRefresh: number): number {
  return earlyRefresh === 0 ? 0 : Math.ceil(loadMs * earlyRefresh * -Math.log(1 - Math.random()));
}
