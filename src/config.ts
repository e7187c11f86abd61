import type { ConnectionOptions } from 'node:tls';
import type pg from 'pg';
import { z } from 'zod';
import { ALERT_DEFAULTS, type AlertsConfig, alerts, type ResolvedAlerts } from './config/alert-config.js';
import { type Filled, hasMethods, isObject, millis, objectOf, tlsSetting, urlOf } from './config/checks.js';
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

/** `none`: a direct connection or session pooling. `transaction`: no named statements, no session settings. */
export type PoolerMode = 'none' | 'transaction';

/** The pool settings we make ourselves, on our own pool; the defaults are in {@link DEFAULTS}. */
export interface ServerDatabaseConfig {
  /** `postgresql://user:password@host:port/database`; `?host=/dir` for a unix socket, `?sslmode=disable` for no TLS. */
  readonly url: string;
  /** Connections at most. */
  readonly max?: number;
  /** Connections opened after the first use and kept while idle. */
  readonly min?: number;
  readonly idleTimeoutMillis?: number;
  /** Bound on opening one connection, and on retrying a server that is just starting. */
  readonly connectionTimeoutMillis?: number;
  /** Bound on the whole wait for a connection: queue and connecting together. */
  readonly acquireTimeoutMillis?: number;
  /** Bound on one statement, kept by the server and, one second later, by us. */
  readonly statementTimeoutMillis?: number;
  /** Callers that may wait for a connection; one more gets `pool-exhausted` at once. */
  readonly maxWaiting?: number;
  /** `true`: verify the server's certificate and name; an object: Node's TLS options; `false`: plain text. Default: plain text on loopback and unix sockets or with `sslmode=disable`, else `true`. */
  readonly tls?: boolean | ConnectionOptions;
  readonly pooler?: PoolerMode;
  /** Where `migrate()` connects, for a service that works through a pooler in transaction mode. Default: `url`. */
  readonly migrationUrl?: string;
}

/** The application's own pool. It is borrowed: never ended by us, and its size and timeouts stay yours. */
export interface BorrowedDatabaseConfig {
  readonly pool: pg.Pool;
  readonly acquireTimeoutMillis?: number;
  readonly statementTimeoutMillis?: number;
  readonly maxWaiting?: number;
  readonly pooler?: PoolerMode;
}

/** PGlite, PostgreSQL in this process: in memory, or kept in a directory. */
export interface EmbeddedDatabaseConfig {
  readonly embedded: true | { readonly dataDir: string };
}

export type DatabaseConfig = ServerDatabaseConfig | BorrowedDatabaseConfig | EmbeddedDatabaseConfig;

export interface EmbeddingConfig extends Partial<EmbeddingShape> {
  /**
   * The name of the model, 1–200 characters, e.g. `text-embedding-3-small`. Each vector records it. Needed once
   * the vectors have been embedded again: then it tells which of two tables this process works on.
   */
  readonly model?: string;
}

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
  database: {
    max: 20,
    min: 2,
    idleTimeoutMillis: 30_000,
    connectionTimeoutMillis: 2_000,
    acquireTimeoutMillis: 60_000,
    statementTimeoutMillis: 30_000,
    maxWaiting: 1_000,
    pooler: 'none',
  },
  redis: REDIS_DEFAULTS,
  embedding: DEFAULT_EMBEDDING,
  cache: {
    memoryMaxBytes: 64 * 1024 * 1024,
    values: 'frozen',
    compressAboveBytes: 64 * 1024,
    maxUnsharedLoads: 20,
    entities: false,
  },
  search: { recallSampleRate: 0, recallTarget: 0.99 },
  sessions: SESSION_DEFAULTS,
  telemetry: TELEMETRY_DEFAULTS,
  alerts: ALERT_DEFAULTS,
} as const;

type Limits = 'acquireTimeoutMillis' | 'statementTimeoutMillis' | 'maxWaiting' | 'pooler';

export type ResolvedServerDatabase = { readonly kind: 'server' } & Filled<
  ServerDatabaseConfig,
  Limits | 'max' | 'min' | 'idleTimeoutMillis' | 'connectionTimeoutMillis'
>;
export type ResolvedBorrowedDatabase = { readonly kind: 'borrowed' } & Filled<BorrowedDatabaseConfig, Limits>;
export type ResolvedEmbeddedDatabase = { readonly kind: 'embedded'; readonly dataDir: string | null };
export interface ResolvedConfig {
  readonly database: ResolvedServerDatabase | ResolvedBorrowedDatabase | ResolvedEmbeddedDatabase;
  readonly redis: ResolvedRedis | null;
  readonly embedding: EmbeddingModel;
  readonly cache: Required<Omit<CacheConfig, 'entities'>> & {
    readonly entities: Required<EntityCacheConfig> | null;
  };
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

const postgresUrl = urlOf(['postgres:', 'postgresql:']);

const limits = {
  acquireTimeoutMillis: millis.default(DEFAULTS.database.acquireTimeoutMillis),
  statementTimeoutMillis: millis.default(DEFAULTS.database.statementTimeoutMillis),
  maxWaiting: z.int().min(0).default(DEFAULTS.database.maxWaiting),
  pooler: z.enum(['none', 'transaction']).default(DEFAULTS.database.pooler),
};

const serverDatabase = z
  .strictObject({
    url: postgresUrl,
    max: z.int().min(1).max(10_000).default(DEFAULTS.database.max),
    min: z.int().min(0).optional(),
    idleTimeoutMillis: millis.default(DEFAULTS.database.idleTimeoutMillis),
    connectionTimeoutMillis: millis.default(DEFAULTS.database.connectionTimeoutMillis),
    ...limits,
    tls: tlsSetting.optional(),
    migrationUrl: postgresUrl.optional(),
  })
  .refine((database) => database.min === undefined || database.min <= database.max, {
    path: ['min'],
    message: 'must not be above database.max',
  })
  // A pool smaller than the default minimum is kept full, not refused.
  .transform((database) => ({
    kind: 'server' as const,
    ...database,
    min: database.min ?? Math.min(DEFAULTS.database.min, database.max),
  }));

const borrowedDatabase = z
  .strictObject({
    pool: objectOf<pg.Pool>('must be a pg Pool', (value) =>
      hasMethods(value, ['connect', 'on', 'removeListener']),
    ),
    ...limits,
  })
  .transform((database) => ({ kind: 'borrowed' as const, ...database }));

const embeddedDatabase = z
  .strictObject({
    embedded: z.union([z.literal(true), z.strictObject({ dataDir: z.string().min(1) })], {
      error: 'must be true or { dataDir }',
    }),
  })
  .transform(({ embedded }) => ({
    kind: 'embedded' as const,
    dataDir: embedded === true ? null : embedded.dataDir,
  }));

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

const DEFAULT_ENTITY_TTL_SECONDS = 300;

const cache = z.strictObject({
  memoryMaxBytes: z.int().min(0).default(DEFAULTS.cache.memoryMaxBytes),
  values: z.enum(['frozen', 'copied']).default(DEFAULTS.cache.values),
  compressAboveBytes: z.int().min(0).default(DEFAULTS.cache.compressAboveBytes),
  maxUnsharedLoads: z.int().min(1).default(DEFAULTS.cache.maxUnsharedLoads),
  entities: z
    .union(
      [
        z.boolean(),
        z.strictObject({ ttlSeconds: z.number().positive().max(86_400).default(DEFAULT_ENTITY_TTL_SECONDS) }),
      ],
      { error: 'must be true, false or { ttlSeconds }, of at most 86400' },
    )
    .default(DEFAULTS.cache.entities)
    .transform((entities) => {
      if (entities === false) return null;
      return entities === true ? { ttlSeconds: DEFAULT_ENTITY_TTL_SECONDS } : entities;
    }),
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
  const database = check<ResolvedConfig['database']>('database', ...databaseBranch(sections.database));
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

// The branch is chosen by the key that names it, so that a mistake is reported by its own path
// and not as "no branch of the union fits".
function databaseBranch(value: unknown): [z.ZodType<ResolvedConfig['database']>, unknown] {
  if (value === undefined) return [embeddedDatabase, { embedded: true }];
  if (isObject(value)) {
    if ('pool' in value) return [borrowedDatabase as z.ZodType<ResolvedBorrowedDatabase>, value];
    if ('embedded' in value) return [embeddedDatabase, value];
  }
  return [serverDatabase as unknown as z.ZodType<ResolvedServerDatabase>, value];
}
