export type {
  BatchLoadContext,
  CacheLoadOptions,
  CacheNamespaceOptions,
  CacheSetOptions,
  LoadContext,
} from './cache/cache-options.js';
export type {
  CacheLoadError,
  CacheNamespace,
  CacheReadError,
  CacheService,
  CacheWriteError,
  LoadedMany,
  LoadedValue,
  LoaderError,
} from './cache/cache-service.js';
export type { CacheStats } from './cache/cache-stats.js';
export type {
  Alert,
  AlertsConfig,
  AlertTargets,
  BackupStatus,
  OwnTarget,
  TargetName,
} from './config/alert-config.js';
export type { CacheConfig, EntityCacheConfig } from './config/cache-config.js';
export type {
  BorrowedDatabaseConfig,
  DatabaseConfig,
  EmbeddedDatabaseConfig,
  PoolerMode,
  ServerDatabaseConfig,
} from './config/database-config.js';
export type { RateLimit } from './config/rate-limit-config.js';
export type {
  BorrowedRedisConfig,
  OwnedRedisConfig,
  RedisAddress,
  RedisBaseConfig,
  RedisClusterConfig,
  RedisConfig,
  RedisNatMap,
  RedisSentinelConfig,
} from './config/redis-config.js';
export type { SessionsConfig } from './config/session-config.js';
export type {
  TelemetryAttributes,
  TelemetryConfig,
  TelemetryMeter,
  TelemetrySpan,
  TelemetryTracer,
} from './config/telemetry-config.js';
export {
  DEFAULTS,
  type EmbeddingConfig,
  type MacroStoreConfig,
  MacroStoreConfigError,
  type SearchConfig,
} from './config.js';
export {
  createMacroStore,
  type MacroStore,
  type Repositories,
  type StoreTransaction,
  type StoreVectors,
} from './create-macro-store.js';
export type { StoreDrizzle } from './database/drizzle-handle.js';
export type { CallOptions } from './database/executor.js';
export type { IsolationLevel, TransactionError, TransactionOptions, Work } from './database/transaction.js';
export type { Embedding } from './database/vector-wire.js';
export {
  type DimensionMismatchError,
  type Entity,
  type InputIssue,
  type InvalidInputError,
  isStoreError,
  type LockHolder,
  type NotFoundError,
  type ReadError,
  type ReadErrorKind,
  type ReembedRefusal,
  type StoreError,
  type StoreErrorFields,
  type StoreErrorKind,
  unredactedCauseOf,
  type WriteError,
  type WriteErrorKind,
} from './errors.js';
export type {
  CacheHitRatio,
  DatabaseHealth,
  IndexHealth,
  MigrationHealth,
  PoolHealth,
  Reading,
  RecallHealth,
  RedisHealth,
  Relations,
  ReplicaHealth,
  Replication,
  SearchHealth,
  ServerSessions,
  SlowQueries,
  TableHealth,
  Unavailable,
  UnavailableReason,
  VectorIndexesHealth,
  VectorIndexHealth,
} from './metrics/database-health.js';
export type { DatabaseMetrics } from './metrics/database-metrics.js';
export type { GrowthForecast, LimitForecast, SizeForecast } from './metrics/growth/forecast.js';
export type { ForecastGrowthOptions, GrowthSnapshot, RecordGrowthOptions } from './metrics/growth/growth.js';
export type { TableSize } from './metrics/growth/growth-statements.js';
export type { LivenessOptions, StoreLiveness } from './metrics/liveness.js';
export type { OperationMessage } from './metrics/operation-channels.js';
export type { DatabaseStanding, HealthOptions, RedisStanding, StoreHealth } from './metrics/readiness.js';
export type { SlowQuery } from './metrics/slow-queries.js';
export type { TargetStanding } from './metrics/targets.js';
export type { MigrationEvent, OnMigrationEvent } from './migrations/events.js';
export type {
  MigrationPlan,
  MigrationStatus,
  PlannedMigration,
  PlannedStatement,
} from './migrations/inspect.js';
export type { StatementLock } from './migrations/lint.js';
export type { NewerPolicy } from './migrations/reconcile.js';
export type { MigrateError, MigrateOptions, MigrationReport } from './migrations/runner.js';
export {
  type RateLimitHeaders,
  type RateLimitHeadersOptions,
  rateLimitHeaders,
} from './rate-limits/rate-limit-headers.js';
export type {
  CostOptions,
  LimitCharge,
  LimitStanding,
  RateLimitError,
  RateLimiter,
  RateLimitOutcome,
  RateLimitsOutcome,
  RateLimitVerdict,
  RateLimitWriteError,
  Reservation,
} from './rate-limits/rate-limiter.js';
export type { OnReembedEvent, ReembedEvent, ReembedStep } from './reembed/events.js';
export type {
  EmbedTexts,
  Reembedding,
  ReembedError,
  ReembedLocking,
  ReembedOptions,
  ReembedReport,
  ReembedStatus,
  VectorsOf,
} from './reembed/reembedding.js';
export type { Chat, ChatRef, ChatRepository, ListChats, NewChat } from './repositories/chats.js';
export type { Page } from './repositories/cursor.js';
export type {
  ChatScope,
  ListMessages,
  Message,
  MessageBody,
  MessageChanges,
  MessageHit,
  MessageRef,
  MessageRepository,
  NewMessage,
  NewMessages,
  SearchMessages,
} from './repositories/messages.js';
export type { NewUser, User, UserChanges, UserRepository } from './repositories/users.js';
export type {
  ImportOptions,
  ImportProgress,
  ImportReport,
  ImportVectorsError,
  InsertVectorsError,
  ListVectors,
  NewVector,
  NewVectors,
  VectorBody,
  VectorRecord,
  VectorRepository,
} from './repositories/vectors.js';
export type { MessageRole } from './schema/chat-messages.js';
export type { JsonObject, JsonValue } from './schema/column-types.js';
export type { EmbeddingColumn, EmbeddingShape } from './schema/embedding-shape.js';
export type { TextSearchLanguage } from './schema/text-search-languages.js';
export type {
  JsonScalar,
  MetadataCondition,
  MetadataFilter,
  MetadataGroups,
  MetadataOperators,
} from './search/metadata-filter.js';
export type { ProbeOptions, RecallClass, RecallReport } from './search/recall-probe.js';
export type { RecallState } from './search/recall-tuning.js';
export type { StrategyName } from './search/strategies/strategy.js';
export type {
  ContextMessage,
  HybridQuery,
  HybridSearchOptions,
  HybridSearchResult,
  SearchAnswer,
  SearchError,
  SearchExplanation,
  SearchFilter,
  SearchManyOptions,
  SearchOptions,
  SearchStats,
  SemanticSearchOptions,
  SemanticSearchResult,
  VectorSearchService,
} from './search/vector-search.js';
export type { ForeignSessions } from './sessions/foreign-sessions.js';
export type {
  IssuedSession,
  MissingSessionError,
  NewSession,
  Session,
  SessionConflictError,
  SessionDevice,
  SessionError,
  SessionRef,
  SessionStore,
  SessionSummary,
} from './sessions/session-store.js';
export type { Logger } from './telemetry.js';
export type { OnVectorIndexEvent, VectorIndexEvent } from './vector-index/vector-index-event.js';
export type { VectorIndexKind } from './vector-index/vector-index-kind.js';
export type {
  DropIndexOptions,
  DropIndexReport,
  EnsureIndexesOptions,
  EnsureIndexesReport,
  HnswOptions,
  HnswTuning,
  IndexBuildOptions,
  IndexSelection,
  IndexWorkOptions,
  RebuildIndexOptions,
  RebuildIndexReport,
  VectorIndexError,
  VectorIndexService,
} from './vector-index/vector-index-service.js';
export type {
  IndexAdvice,
  IndexAdviceCode,
  VectorIndexesStatus,
  VectorIndexStatus,
} from './vector-index/vector-index-status.js';
