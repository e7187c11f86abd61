import type { ResultAsync } from 'neverthrow';
import type pg from 'pg';
import type { CacheService } from './cache/cache-service.js';
import { createCacheService } from './cache/create-cache-service.js';
import { createRedisTier } from './cache/redis-tier.js';
import { EntityCache } from './cached-entities/entity-cache.js';
import { type Note, noteWrites } from './cached-entities/noted-writes.js';
import { type MacroStoreConfig, resolveConfig } from './config.js';
import { openDatabase } from './database/database.js';
import { dedicatedConnector } from './database/dedicated-connector.js';
import { createDrizzleHandle, type StoreDrizzle } from './database/drizzle-handle.js';
import { createEmbeddingGuard, type EmbeddingGuard } from './database/embedding-guard.js';
import type { Executor } from './database/executor.js';
import { migrateFirst } from './database/migrate-first.js';
import {
  createStoreExecutor,
  runTransaction,
  type TransactionError,
  type TransactionOptions,
  type TransactionScope,
  type Work,
} from './database/transaction.js';
import type { DatabaseMetrics } from './metrics/database-metrics.js';
import type { LivenessOptions, StoreLiveness } from './metrics/liveness.js';
import { openMetrics } from './metrics/open-metrics.js';
import type { HealthOptions, StoreHealth } from './metrics/readiness.js';
import { MIGRATIONS } from './migrations/bundled.js';
import {
  inspectStatus,
  type MigrationPlan,
  type MigrationStatus,
  planMigrations,
} from './migrations/inspect.js';
import {
  MIGRATING,
  type MigrateError,
  type MigrateOptions,
  type MigrationReport,
  runMigrations,
} from './migrations/runner.js';
import { createRateLimiter } from './rate-limits/create-rate-limiter.js';
import type { RateLimiter } from './rate-limits/rate-limiter.js';
import { RedisLink } from './redis/redis-link.js';
import { createReembedding } from './reembed/create-reembedding.js';
import type { Reembedding } from './reembed/reembedding.js';
import { type ChatRepository, createChatRepository } from './repositories/chats.js';
import { createMessageRepository } from './repositories/message-repository.js';
import type { MessageRepository } from './repositories/messages.js';
import { createUserRepository, type UserRepository } from './repositories/users.js';
import type { HnswSwitch } from './repositories/vector-import.js';
import { createVectorRepository } from './repositories/vector-repository.js';
import type { VectorRepository } from './repositories/vectors.js';
import type { EmbeddingShape } from './schema/embedding-shape.js';
import { createVectorSearchService } from './search/create-vector-search-service.js';
import type { VectorSearchService } from './search/vector-search.js';
import { openSessions } from './sessions/open-sessions.js';
import type { SessionStore } from './sessions/session-store.js';
import { createVectorIndexService } from './vector-index/create-vector-index-service.js';
import type { VectorIndexService } from './vector-index/vector-index-service.js';

/** The repositories, on the pool or on one transaction. */
export interface Repositories {
  readonly users: UserRepository;
  readonly chats: ChatRepository;
  readonly messages: MessageRepository;
  readonly vectors: VectorRepository;
}

/** What the work of a transaction is given: use this, and nothing of the store, inside it. */
export interface StoreTransaction extends Repositories {
  /** Drizzle on this transaction, for statements of your own. */
  readonly db: StoreDrizzle;
  /** A savepoint: an inner `Err` or throw undoes the inner work only. One at a time. */
  transaction<T, E>(work: Work<StoreTransaction, T, E>): ResultAsync<T, E | TransactionError>;
}

/** The vectors of a store; a transaction's have no `index` and no `reembed`, which need more than one transaction. */
export interface StoreVectors extends VectorRepository, Reembedding {
  readonly index: VectorIndexService;
}

/** The data layer of one application. `RateLimitName`: the names of its configured `rateLimits`. */
export interface MacroStore<RateLimitName extends string = string> extends Repositories, AsyncDisposable {
  readonly vectors: StoreVectors;
  readonly vectorSearch: VectorSearchService;
  readonly cache: CacheService;
  readonly rateLimiter: RateLimiter<RateLimitName>;
  readonly sessions: SessionStore;
  readonly metrics: DatabaseMetrics;
  /** Drizzle on the store's connections; see {@link StoreDrizzle} for what it does not promise. */
  readonly db: StoreDrizzle;
  /** The pg pool: ours, or the one that was lent. `null` when embedded. */
  readonly pool: pg.Pool | null;
  /**
   * Brings the database up to this release's schema. Safe from every replica at once; done by the first use
   * when embedded. There the HNSW index is left out unless asked for: it is slow to build in WebAssembly.
   */
  migrate(options?: MigrateOptions): ResultAsync<MigrationReport, MigrateError>;
  /** Where the database stands; changes nothing. */
  migrationStatus(): ResultAsync<MigrationStatus, MigrateError>;
  /** What {@link MacroStore.migrate} would do, statement by statement; changes nothing. */
  migrationPlan(options?: Pick<MigrateOptions, 'hnsw' | 'onNewer'>): ResultAsync<MigrationPlan, MigrateError>;
  /**
   * Runs the work in one transaction: it commits when the work gives an `Ok`, and rolls back on `Err` and on
   * throw (`callback-threw`). The first failed statement decides the result. After a serialization failure
   * or deadlock the work is run again from its start.
   *
   * @example
   * const moved = await store.transaction(({ chats, messages }) =>
   *   chats
   *     .create({ userId, title: 'Trip to Rome' })
   *     .andThen((chat) => messages.append({ userId, chatId: chat.id, role: 'user', content: 'Hello' })),
   * );
   */
  transaction<T, E>(
    work: Work<StoreTransaction, T, E>,
    options?: TransactionOptions,
  ): ResultAsync<T, E | TransactionError>;
  /**
   * Whether calls can be served, for a readiness probe: one trip to each server at most, side by side, within
   * `deadlineMs`. Never rejects; probes at the same time share one.
   */
  health(options?: HealthOptions): Promise<StoreHealth>;
  /**
   * Whether this process is worth keeping, for a liveness probe: at once, and without a word to a server. Only a
   * pool from which nothing comes back any more is a reason to start anew.
   */
  liveness(options?: LivenessOptions): StoreLiveness;
  /**
   * Refuses new calls, lets running ones finish for up to `deadlineMs` (default 5,000), then cuts them off.
   * Closes only what the store opened; may be called again.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

const DEFAULT_CLOSE_DEADLINE_MS = 5_000;

/**
 * Makes a store. Nothing connects before its first use.
 *
 * Without a configuration it runs embedded: PGlite in memory, and a cache in this process.
 *
 * @throws {MacroStoreConfigError} with every mistake in the configuration, by field path.
 * @example
 * import { createMacroStore } from '@macro-ai/store';
 *
 * const store = createMacroStore({ database: { url: 'postgresql://localhost/chat' }, redis: { url: 'redis://localhost' } });
 */
export function createMacroStore<const RateLimitName extends string = never>(
  config?: MacroStoreConfig<RateLimitName>,
): MacroStore<RateLimitName> {
  const resolved = resolveConfig(config);
  const { embedding, clock } = resolved;
  const measuring = openMetrics({ ...resolved, hasPool: resolved.database.kind !== 'embedded' });
  const { telemetry } = measuring;

  const database = openDatabase(resolved.database, telemetry);
  const openDedicated = dedicatedConnector(resolved.database, database);
  const connect = () => openDedicated(MIGRATING);
  const hnsw = resolved.database.kind === 'embedded' ? 'skip' : 'build';
  const migrate = (options?: MigrateOptions) =>
    runMigrations(connect, MIGRATIONS, embedding, { hnsw, ...options });
  const migrateOrThrow = () =>
    migrate().match(
      () => undefined,
      (error) => {
        throw error;
      },
    );
  const driver = resolved.autoMigrate ? migrateFirst(database.driver, migrateOrThrow) : database.driver;

  const executor = createStoreExecutor(driver, telemetry);
  const guard = createEmbeddingGuard(embedding);
  const index = createVectorIndexService(executor, openDedicated, embedding, guard);
  const link = resolved.redis === null ? null : new RedisLink({ config: resolved.redis, telemetry });
  // One connection for all that is in Redis.
  const redis = link && { link, keyPrefix: resolved.redis?.keyPrefix ?? '' };
  const cache = createCacheService({
    ...resolved.cache,
    redis: redis && createRedisTier(redis.link, redis),
    clock,
    telemetry,
  });
  const onPool = createRepositories(executor, embedding, guard, index);
  const entities = resolved.cache.entities && new EntityCache(cache, onPool, resolved.cache.entities);
  const repositories = entities?.repositories ?? onPool;
  // What a transaction writes is noted with each of its attempts, and ended in the cache after its commit.
  const transaction: MacroStore['transaction'] = (work, options) => {
    const run = (begin: () => Note) =>
      runTransaction(
        driver,
        telemetry,
        (scope) => work(storeTransaction(scope, embedding, guard, begin())),
        options,
      );
    return entities === null ? run(() => ignore) : entities.afterCommit(run);
  };

  const sessions = openSessions({
    ...resolved.sessions,
    redis,
    executor: resolved.sessions.durable ? executor : null,
    telemetry,
    clock,
  });

  let closing: Promise<void> | null = null;
  const rateLimiter = createRateLimiter({
    rateLimits: resolved.rateLimits,
    redis,
    clock,
    isClosed: () => closing !== null,
  });
  const close: MacroStore['close'] = ({ deadlineMs = DEFAULT_CLOSE_DEADLINE_MS } = {}) => {
    measuring.stop();
    cache.close();
    sessions.close();
    closing ??= Promise.all([link?.close(), database.close(deadlineMs)]).then(measuring.close);
    return closing;
  };

  const vectorSearch = createVectorSearchService({
    executor,
    shape: embedding,
    guard,
    ...resolved.search,
    clock,
    telemetry,
  });
  const selfReport = measuring.start({
    executor,
    probe: createStoreExecutor(database.driver, telemetry),
    pool: database.poolState,
    redis: link,
    cache: cache.stats,
    search: vectorSearch.stats,
    vectorIndexes: index.status,
    migrationIds: MIGRATIONS.map(({ id }) => id),
  });

  return Object.freeze({
    ...repositories,
    vectors: { ...repositories.vectors, ...createReembedding(openDedicated, executor, guard), index },
    vectorSearch,
    cache,
    rateLimiter,
    sessions: sessions.store,
    ...selfReport,
    db: createDrizzleHandle(driver.query),
    pool: database.pool,
    migrate,
    migrationStatus: () => inspectStatus(connect, MIGRATIONS),
    migrationPlan: (options = {}) => planMigrations(connect, MIGRATIONS, embedding, { hnsw, ...options }),
    transaction,
    close,
    [Symbol.asyncDispose]: () => close(),
  } satisfies MacroStore);
}

function createRepositories(
  executor: Executor,
  embedding: EmbeddingShape,
  guard: EmbeddingGuard,
  hnswSwitch: HnswSwitch | null,
): Repositories {
  return {
    users: createUserRepository(executor),
    chats: createChatRepository(executor),
    messages: createMessageRepository(executor, embedding, guard),
    vectors: createVectorRepository(executor, embedding, guard, hnswSwitch),
  };
}

function storeTransaction(
  scope: TransactionScope,
  embedding: EmbeddingShape,
  guard: EmbeddingGuard,
  note: Note,
): StoreTransaction {
  return {
    ...noteWrites(createRepositories(scope.executor, embedding, guard, null), note),
    db: createDrizzleHandle((statement, options) => scope.send(statement, options)),
    transaction: (work) => scope.nested((inner) => work(storeTransaction(inner, embedding, guard, note))),
  };
}

function ignore(): void {}
