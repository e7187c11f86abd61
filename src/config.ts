import { z } from 'zod';
import { ALERT_DEFAULTS, type AlertsConfig, alerts, type ResolvedAlerts } from './config/alert-config.js';
import {
  CACHE_SETTING_DEFAULTS,
  type CacheConfig,
  cache,
  type ResolvedCache,
} from './config/cache-config.js';
import { hasMethods, isObject, objectOf } from './config/checks.js';
import {
  DATABASE_DEFAULTS,
  type DatabaseConfig,
  databaseBranch,
  type ResolvedDatabase,
} from './config/database-config.js';
import { type RateLimit, rateLimits } from './config/rate-limit-config.js';
import { REDIS_DEFAULTS, type RedisConfig, type ResolvedRedis, redisBranch } from './config/redis-config.js';
import { SESSION_DEFAULTS, type SessionsConfig, sessions } from './config/session-config.js';
import {
  type ResolvedTelemetry,
  TELEMETRY_DEFAULTS,
  type TelemetryConfig,
  telemetry,
} from './config/telemetry-config.js';
import type { InputIssue } from './errors.js';
import { inputIssues } from './input.js';
import {
  DEFAULT_EMBEDDING,
  type EmbeddingModel,
  type EmbeddingShape,
  MAX_DIMENSIONS,
} from './schema/embedding-shape.js';
import type { Logger } from './telemetry.js';

export interface EmbeddingConfig extends Partial<EmbeddingShape> {
  /**
   * The name of the model, 1–200 characters, e.g. `text-embedding-3-small`. Each vector records it. Needed once
   * the vectors have been embedded again: then it tells which of two tables this process works on.
   */
  readonly model?: string;
}

export interface SearchConfig {
  /**
   * Metadata fields that have an index of their own, built with `vectors.index.ensure({ metadataFields })`: a
   * filter that asks for one of them by `eq` or `in` reads the rows that have it, and not all of the user.
   */
  readonly indexedMetadata?: readonly string[];
  /** Share of the searches that are compared with their exact answers in the background, 0–1; each costs an exact search. */
  readonly recallSampleRate?: number;
  /** The recall, 0–1, below which searches compare more candidates. */
  readonly recallTarget?: number;
}

/** Everything is optional: `createMacroStore()` runs embedded, with its cache in memory and no server. */
export interface MacroStoreConfig<RateLimitName extends string = string> {
  readonly database?: DatabaseConfig;
  readonly redis?: RedisConfig;
  readonly embedding?: EmbeddingConfig;
  readonly cache?: CacheConfig;
  readonly search?: SearchConfig;
  /** Limits by the names that `rateLimiter` knows them by: letters, digits, `_`, `.` and `-`, at most 64. */
  readonly rateLimits?: Readonly<Record<RateLimitName, RateLimit>>;
  readonly sessions?: SessionsConfig;
  readonly telemetry?: TelemetryConfig;
  readonly alerts?: AlertsConfig;
  /** Migrate on the first use. Default: `true` embedded, `false` on a server. */
  readonly autoMigrate?: boolean;
  readonly logger?: Logger;
  /** The time the store goes by, in milliseconds since 1970; for tests. Default: `Date.now`. */
  readonly clock?: () => number;
}

/** The values used where the configuration is silent. */
export const DEFAULTS = {
  database: DATABASE_DEFAULTS,
  redis: REDIS_DEFAULTS,
  embedding: DEFAULT_EMBEDDING,
  cache: CACHE_SETTING_DEFAULTS,
  search: { recallSampleRate: 0, recallTarget: 0.99 },
  sessions: SESSION_DEFAULTS,
  telemetry: TELEMETRY_DEFAULTS,
  alerts: ALERT_DEFAULTS,
} as const;

export interface ResolvedConfig {
  readonly database: ResolvedDatabase;
  readonly redis: ResolvedRedis | null;
  readonly embedding: EmbeddingModel;
  readonly cache: ResolvedCache;
  readonly search: Required<SearchConfig>;
  readonly rateLimits: Readonly<Record<string, RateLimit>>;
  readonly sessions: Required<SessionsConfig>;
  readonly telemetry: ResolvedTelemetry;
  readonly alerts: ResolvedAlerts & { readonly isWatched: boolean };
  readonly autoMigrate: boolean;
  readonly logger: Logger | null;
  readonly clock: () => number;
}

/** Thrown by `createMacroStore`, with every mistake in the configuration by its field path. */
export class MacroStoreConfigError extends Error {
  override readonly name = 'MacroStoreConfigError';
  readonly issues: readonly InputIssue[];

  constructor(issues: readonly InputIssue[]) {
    super(`invalid configuration:\n${issues.map((issue) => `  ${issue.path}: ${issue.message}`).join('\n')}`);
    this.issues = issues;
  }
}

const embeddingShape = z
  .strictObject({
    dimensions: z.int().min(1).default(DEFAULTS.embedding.dimensions),
    column: z.enum(['vector', 'halfvec']).default(DEFAULTS.embedding.column),
    model: z
      .string()
      .min(1)
      .max(200)
      .regex(/^\P{Cc}*$/u, { error: 'must not hold control characters' })
      .optional()
      .transform((model) => model ?? null),
  })
  .superRefine(({ dimensions, column }, context) => {
    if (dimensions <= MAX_DIMENSIONS[column]) return;
    const hint = column === 'vector' ? `; up to ${MAX_DIMENSIONS.halfvec} with column: 'halfvec'` : '';
    context.addIssue({
      code: 'custom',
      path: ['dimensions'],
      message: `must be at most ${MAX_DIMENSIONS[column]} for column '${column}'${hint}`,
    });
  });

const search = z.strictObject({
  indexedMetadata: z.array(z.string().min(1).max(200)).max(20).default([]),
  recallSampleRate: z.number().min(0).max(1).default(DEFAULTS.search.recallSampleRate),
  recallTarget: z.number().min(0).max(1).default(DEFAULTS.search.recallTarget),
});

const root = z.strictObject({
  database: z.unknown().optional(),
  redis: z.unknown().optional(),
  embedding: z.unknown().optional(),
  cache: z.unknown().optional(),
  search: z.unknown().optional(),
  rateLimits: z.unknown().optional(),
  sessions: z.unknown().optional(),
  telemetry: z.unknown().optional(),
  alerts: z.unknown().optional(),
  autoMigrate: z.boolean().optional(),
  logger: objectOf<Logger>('must have the methods info and warn', (value) =>
    hasMethods(value, ['info', 'warn']),
  ).optional(),
  clock: objectOf<() => number>('must be a function', (value) => typeof value === 'function').optional(),
});

/**
 * Checks a configuration and fills in {@link DEFAULTS}.
 * @throws {MacroStoreConfigError} with every mistake at once.
 */
export function resolveConfig(config: MacroStoreConfig = {}): ResolvedConfig {
  const issues: InputIssue[] = [];
  const check = <T>(path: string, schema: z.ZodType<T>, value: unknown): T | undefined => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    issues.push(...inputIssues(result.error, path === 'config' ? [] : [path]));
    return undefined;
  };

  const top = check('config', root, config);
  const sections: Partial<MacroStoreConfig> = isObject(config) ? config : {};
  const database = check<ResolvedDatabase>('database', ...databaseBranch(sections.database));
  const redis =
    sections.redis === undefined || sections.redis === false
      ? null
      : check<ResolvedRedis>('redis', ...redisBranch(sections.redis));
  const embedding = check('embedding', embeddingShape, sections.embedding ?? {});
  const cacheSettings = check('cache', cache, sections.cache ?? {});
  const searchSettings = check('search', search, sections.search ?? {});
  const limits = check('rateLimits', rateLimits, sections.rateLimits ?? {});
  const sessionSettings = check('sessions', sessions, sections.sessions ?? {});
  const telemetrySettings = check('telemetry', telemetry, sections.telemetry ?? {});
  const alertSettings = check('alerts', alerts, sections.alerts ?? {});

  if (
    !top ||
    !database ||
    redis === undefined ||
    !embedding ||
    !cacheSettings ||
    !searchSettings ||
    !limits ||
    !sessionSettings ||
    !telemetrySettings ||
    !alertSettings
  ) {
    throw new MacroStoreConfigError(issues);
  }
  return {
    database,
    redis,
    embedding,
    cache: cacheSettings,
    search: searchSettings,
    rateLimits: limits,
    sessions: sessionSettings,
    telemetry: telemetrySettings,
    alerts: { ...alertSettings, isWatched: sections.alerts !== undefined },
    autoMigrate: top.autoMigrate ?? database.kind === 'embedded',
    logger: top.logger ?? null,
    clock: top.clock ?? Date.now,
  };
}
