import type { ConnectionOptions } from 'node:tls';
import type { Cluster, Redis } from 'ioredis';
import type pg from 'pg';
import { z } from 'zod';
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

/** What every way to Redis takes. */
export interface RedisBaseConfig {
  /** Put before every key. */
  readonly keyPrefix?: string;
  /** Bound on each Redis command; past it the call goes on without Redis. */
  readonly commandTimeoutMillis?: number;
}

/** One Redis server. */
export interface OwnedRedisConfig extends RedisBaseConfig {
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  readonly url: string;
  /** Node's TLS options for `rediss://`, such as `ca`. */
  readonly tls?: ConnectionOptions;
}

export interface RedisAddress {
  readonly host: string;
  /** Default: 6379, of a sentinel 26379. */
  readonly port?: number;
}

/** The address under which a server that announces itself as `host:port` is reached from here. */
export type RedisNatMap = Readonly<Record<string, { readonly host: string; readonly port: number }>>;

/** A Redis Cluster. Reads and writes go to its masters. */
export interface RedisClusterConfig extends RedisBaseConfig {
  /** Some servers of the cluster; the others are found through them. */
  readonly nodes: readonly RedisAddress[];
  readonly username?: string;
  readonly password?: string;
  /** `true`: verify the server's certificate and name; an object: Node's TLS options. Default: plain text. */
  readonly tls?: boolean | ConnectionOptions;
  readonly natMap?: RedisNatMap;
}

/** A master that Sentinel watches; after a failover the new one is used. */
export interface RedisSentinelConfig extends RedisBaseConfig {
  readonly sentinels: readonly RedisAddress[];
  /** The name under which the sentinels know the master. */
  readonly name: string;
  readonly db?: number;
  readonly username?: string;
  readonly password?: string;
  /** For the master; as in {@link RedisClusterConfig}. */
  readonly tls?: boolean | ConnectionOptions;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly sentinelTls?: boolean | ConnectionOptions;
  readonly natMap?: RedisNatMap;
}

/** The application's own ioredis client. It is borrowed: never closed by us. */
export interface BorrowedRedisConfig extends RedisBaseConfig {
  readonly client: Redis | Cluster;
}

export type RedisConfig =
  | OwnedRedisConfig
  | RedisClusterConfig
  | RedisSentinelConfig
  | BorrowedRedisConfig
  | false;

export interface EmbeddingConfig extends Partial<EmbeddingShape> {
  /**
   * The name of the model, 1–200 characters, e.g. `text-embedding-3-small`. Each vector records it. Needed once
   * the vectors have been embedded again: then it tells which of two tables this process works on.
   */
  readonly model?: string;
}

export interface CacheConfig {
  /** Bound on the memory tier, in bytes, about: keys, values, and 256 an entry. */
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

/**
 * What may pass a limiter under one key.
 *
 * @example
 * const chat: RateLimit = { limit: 60, windowSeconds: 60, burst: 10 };
 */
export interface RateLimit {
  /** Units a window, 1 or more, at most 100,000 a second. A call is one unit, unless it says its cost. */
  readonly limit: number;
  /** 0.001 or more. What is spent must have come back within 366 days. */
  readonly windowSeconds: number;
  /** Units that may pass at once after a pause; in any window, less than `limit + burst` pass. Default: `limit`. */
  readonly burst?: number;
  /**
   * `gcra` (default): units come back one by one. `sliding-window`: at most `limit` in each calendar window, for
   * a quota that is shown as such; the window before still counts by the share of it that is not over.
   */
  readonly algorithm?: 'gcra' | 'sliding-window';
  /**
   * While Redis is out of reach: `local` (default) limits each process by itself, `open` lets all pass, `closed`
   * none.
   */
  readonly whenUnavailable?: 'local' | 'open' | 'closed';
}

/** Sessions; the defaults are in {@link DEFAULTS}. All seconds are above 0 and at most 400 days. */
export interface SessionsConfig {
  /** A session ends after so long without use; at most `lifetimeSeconds`. */
  readonly idleSeconds?: number;
  /** A session ends after so long, however much it is used. */
  readonly lifetimeSeconds?: number;
  /** Use is noted at most once in so long, which is a write; below `idleSeconds`, and 0 for each use. */
  readonly touchIntervalSeconds?: number;
  /** Sessions of one user, 1–1,000. */
  readonly maxPerUser?: number;
  /** At `maxPerUser`: end the session that was unused longest, or refuse the new one. */
  readonly whenFull?: 'end-oldest' | 'refuse';
  /** Bound on the data of one session, in bytes of its encoding; at most 1 MiB. */
  readonly maxDataBytes?: number;
  /**
   * Keeps sessions in PostgreSQL too: they outlive a flush or an outage of Redis, and there without Redis. Needs the
   * migration `0008_sessions`, and costs a transaction a change and a write an interval. Default `false`.
   */
  readonly durable?: boolean;
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
  redis: { keyPrefix: 'macro:', commandTimeoutMillis: 100 },
  embedding: DEFAULT_EMBEDDING,
  cache: {
    memoryMaxBytes: 64 * 1024 * 1024,
    values: 'frozen',
    compressAboveBytes: 64 * 1024,
    maxUnsharedLoads: 20,
    entities: false,
  },
  search: { recallSampleRate: 0, recallTarget: 0.99 },
  sessions: {
    idleSeconds: 7 * 24 * 3600,
    lifetimeSeconds: 30 * 24 * 3600,
    touchIntervalSeconds: 60,
    maxPerUser: 100,
    whenFull: 'end-oldest',
    maxDataBytes: 64 * 1024,
    durable: false,
  },
} as const;

type Filled<T, K extends keyof T> = T & { readonly [P in K]-?: NonNullable<T[P]> };
type Limits = 'acquireTimeoutMillis' | 'statementTimeoutMillis' | 'maxWaiting' | 'pooler';

export type ResolvedServerDatabase = { readonly kind: 'server' } & Filled<
  ServerDatabaseConfig,
  Limits | 'max' | 'min' | 'idleTimeoutMillis' | 'connectionTimeoutMillis'
>;
export type ResolvedBorrowedDatabase = { readonly kind: 'borrowed' } & Filled<BorrowedDatabaseConfig, Limits>;
export type ResolvedEmbeddedDatabase = { readonly kind: 'embedded'; readonly dataDir: string | null };
type WithPort = { readonly host: string; readonly port: number };
export type ResolvedRedisCluster = { readonly kind: 'cluster' } & Filled<
  Omit<RedisClusterConfig, 'nodes'>,
  keyof RedisBaseConfig
> & { readonly nodes: readonly WithPort[] };
export type ResolvedRedisSentinel = { readonly kind: 'sentinel' } & Filled<
  Omit<RedisSentinelConfig, 'sentinels'>,
  keyof RedisBaseConfig
> & { readonly sentinels: readonly WithPort[] };
export type ResolvedRedis =
  | ({ readonly kind: 'owned' } & Filled<OwnedRedisConfig, keyof RedisBaseConfig>)
  | ResolvedRedisCluster
  | ResolvedRedisSentinel
  | ({ readonly kind: 'borrowed' } & Required<BorrowedRedisConfig>);

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

const MAX_TIMER_MILLIS = 2_147_483_647;
const millis = z.int().min(1).max(MAX_TIMER_MILLIS);
const postgresUrl = urlOf(['postgres:', 'postgresql:']);

const tlsSetting = z.union([
  z.boolean(),
  objectOf<ConnectionOptions>("must be true, false or Node's TLS options", isObject),
]);

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

const redisLimits = {
  keyPrefix: z
    .string()
    .max(256)
    // Half a hash tag would put keys that belong together into different slots of a cluster.
    .regex(/^[^{]*(\{[^}]+\}.*)?$/s, { error: 'must hold a whole {tag}, or no {' })
    .default(DEFAULTS.redis.keyPrefix),
  commandTimeoutMillis: millis.default(DEFAULTS.redis.commandTimeoutMillis),
};

const ownedRedis = z
  .strictObject({
    url: urlOf(['redis:', 'rediss:']),
    tls: objectOf<ConnectionOptions>("must be Node's TLS options", isObject).optional(),
    ...redisLimits,
  })
  .refine(({ url, tls }) => tls === undefined || url.startsWith('rediss:'), {
    path: ['tls'],
    message: 'needs a rediss:// URL',
  })
  .transform((redis) => ({ kind: 'owned' as const, ...redis }));

const port = z.int().min(1).max(65_535);
const addresses = (defaultPort: number) =>
  z.array(z.strictObject({ host: z.string().min(1), port: port.default(defaultPort) })).min(1);
const redisAccess = {
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  tls: tlsSetting.optional(),
  natMap: z.record(z.string(), z.strictObject({ host: z.string().min(1), port })).optional(),
};

const redisCluster = z
  .strictObject({ nodes: addresses(6_379), ...redisAccess, ...redisLimits })
  .transform((redis) => ({ kind: 'cluster' as const, ...redis }));

const redisSentinel = z
  .strictObject({
    sentinels: addresses(26_379),
    name: z.string().min(1),
    db: z.int().min(0).optional(),
    ...redisAccess,
    sentinelUsername: z.string().min(1).optional(),
    sentinelPassword: z.string().min(1).optional(),
    sentinelTls: tlsSetting.optional(),
    ...redisLimits,
  })
  .transform((redis) => ({ kind: 'sentinel' as const, ...redis }));

const borrowedRedis = z
  .strictObject({
    client: objectOf<Redis | Cluster>('must be an ioredis client', (value) =>
      hasMethods(value, ['get', 'set', 'on']),
    ),
    ...redisLimits,
  })
  .transform((redis) => ({ kind: 'borrowed' as const, ...redis }));

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
  memoryMaxBytes: z.int().min(1024).default(DEFAULTS.cache.memoryMaxBytes),
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

const MIN_WINDOW_SECONDS = 0.001;
const MAX_REFILL_SECONDS = 366 * 86_400;
const MAX_UNITS_PER_SECOND = 100_000;

/** Checks a {@link RateLimit}, also one that a call brings along. */
export const rateLimit: z.ZodType<RateLimit> = z
  .strictObject({
    limit: z.int().min(1),
    windowSeconds: z.number().min(MIN_WINDOW_SECONDS).max(MAX_REFILL_SECONDS),
    burst: z.int().min(1).exactOptional(),
    algorithm: z.enum(['gcra', 'sliding-window']).exactOptional(),
    whenUnavailable: z.enum(['local', 'open', 'closed']).exactOptional(),
  })
  .superRefine(({ limit, windowSeconds, burst, algorithm }, context) => {
    if (windowSeconds < MIN_WINDOW_SECONDS || windowSeconds > MAX_REFILL_SECONDS) return;
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (limit > windowSeconds * MAX_UNITS_PER_SECOND)
      refuse('limit', `must be at most ${MAX_UNITS_PER_SECOND} a second; count in larger units`);
    if (algorithm === 'sliding-window' && burst !== undefined)
      refuse('burst', 'is not for a sliding window, which lets the whole limit pass at once');
    if (((burst ?? limit) / limit) * windowSeconds > MAX_REFILL_SECONDS)
      refuse('burst', 'must have come back within 366 days');
  });

const rateLimits = z.record(
  z.string().regex(/^[\w.-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, "_", "." or "-"' }),
  rateLimit,
);

const MAX_SESSION_SECONDS = 400 * 24 * 3600;
const sessionSeconds = z.number().min(0.001).max(MAX_SESSION_SECONDS);

// What is silent follows what is not: a lifetime of an hour needs no word on idle time.
const sessions = z
  .strictObject({
    idleSeconds: sessionSeconds.optional(),
    lifetimeSeconds: sessionSeconds.default(DEFAULTS.sessions.lifetimeSeconds),
    touchIntervalSeconds: z.number().min(0).max(MAX_SESSION_SECONDS).optional(),
    maxPerUser: z.int().min(1).max(1_000).default(DEFAULTS.sessions.maxPerUser),
    whenFull: z.enum(['end-oldest', 'refuse']).default(DEFAULTS.sessions.whenFull),
    maxDataBytes: z
      .int()
      .min(1)
      .max(1024 * 1024)
      .default(DEFAULTS.sessions.maxDataBytes),
    durable: z.boolean().default(DEFAULTS.sessions.durable),
  })
  .transform((given) => {
    const idleSeconds = given.idleSeconds ?? Math.min(DEFAULTS.sessions.idleSeconds, given.lifetimeSeconds);
    const touchIntervalSeconds =
      given.touchIntervalSeconds ?? Math.min(DEFAULTS.sessions.touchIntervalSeconds, idleSeconds / 10);
    return { ...given, idleSeconds, touchIntervalSeconds };
  })
  .refine(({ idleSeconds, lifetimeSeconds }) => idleSeconds <= lifetimeSeconds, {
    path: ['idleSeconds'],
    message: 'must not be above sessions.lifetimeSeconds',
  })
  .refine(({ touchIntervalSeconds, idleSeconds }) => touchIntervalSeconds < idleSeconds, {
    path: ['touchIntervalSeconds'],
    message: 'must be below sessions.idleSeconds',
  });

const root = z.strictObject({
  database: z.unknown().optional(),
  redis: z.unknown().optional(),
  embedding: z.unknown().optional(),
  cache: z.unknown().optional(),
  search: z.unknown().optional(),
  rateLimits: z.unknown().optional(),
  sessions: z.unknown().optional(),
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

  if (
    !top ||
    !database ||
    redis === undefined ||
    !embedding ||
    !cacheSettings ||
    !searchSettings ||
    !limits ||
    !sessionSettings
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

function redisBranch(value: unknown): [z.ZodType<ResolvedRedis>, unknown] {
  if (isObject(value)) {
    if ('client' in value) return [borrowedRedis, value];
    if ('nodes' in value) return [redisCluster as unknown as z.ZodType<ResolvedRedisCluster>, value];
    if ('sentinels' in value) return [redisSentinel as unknown as z.ZodType<ResolvedRedisSentinel>, value];
  }
  return [ownedRedis as unknown as z.ZodType<ResolvedRedis>, value];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  return (
    isObject(value) && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
  );
}

function objectOf<T>(message: string, fits: (value: unknown) => boolean): z.ZodType<T> {
  return z.custom<T>(fits, { error: message });
}

function urlOf(protocols: readonly string[]) {
  const message = `must be a ${protocols.map((protocol) => `${protocol}//`).join(' or ')} URL`;
  return z.string({ error: message }).refine(
    (value) => {
      try {
        const { protocol, username, password, hostname, pathname } = new URL(value);
        for (const part of [username, password, hostname, pathname]) decodeURIComponent(part);
        return protocols.includes(protocol);
      } catch {
        return false;
      }
    },
    { error: message },
  );
}
