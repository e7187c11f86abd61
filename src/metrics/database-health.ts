import type { CacheStats } from '../cache/cache-stats.js';
import type { GrowthForecast } from './growth/forecast.js';
import type { SlowQuery } from './slow-queries.js';

/**
 * - `embedded`: one process, one connection; there is nothing to read.
 * - `not-preloaded`: `pg_stat_statements` is not in `shared_preload_libraries`.
 * - `no-extension`: it is loaded, and not created in this database.
 * - `no-privilege`: the role is not a member of `pg_read_all_stats`, or was refused.
 * - `not-migrated`: the tables it reads are not there yet.
 * - `no-pool`, `no-redis`: the store has none.
 * - `too-few-snapshots`: `recordGrowth()` was called on fewer than three days.
 * - `failed`: the reading ended in an error; `advice` names its kind.
 */
export type UnavailableReason =
  | 'embedded'
  | 'not-preloaded'
  | 'no-extension'
  | 'no-privilege'
  | 'not-migrated'
  | 'no-pool'
  | 'no-redis'
  | 'too-few-snapshots'
  | 'failed';

export interface Unavailable {
  readonly available: false;
  readonly reason: UnavailableReason;
  /** What to do about it. */
  readonly advice: string;
}

/** What a server tells, or why it does not. */
export type Reading<T> = ({ readonly available: true } & T) | Unavailable;

/** Sessions of clients on this database, whoever they belong to. */
export interface ServerSessions {
  /** Running a statement now, this one included. */
  readonly active: number;
  readonly idleInTransaction: number;
  readonly total: number;
  /** `max_connections` of the server. */
  readonly max: number;
}

export interface SlowQueries {
  /** Statements of this database whose mean time since the last collection is above this. */
  readonly thresholdMs: number;
  /** From when the numbers are counted: the last collection, or the server's own beginning. */
  readonly since: Date;
  /** Whether the server's counters began anew since the last collection. */
  readonly wasReset: boolean;
  /** At most 20, those that took the most time first. */
  readonly queries: readonly SlowQuery[];
}

/** Shares, 0–1, of the blocks of tables and indexes that were found in the server's memory; `null` when none was read. */
export interface CacheHitRatio {
  /** `null` also in the first collection. */
  readonly sinceLastCollection: number | null;
  /** Since the server's statistics began. */
  readonly lifetime: number | null;
}

export interface PoolHealth {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
  readonly max: number;
  /** Connections in use, of `max`; 0–1. */
  readonly utilisation: number;
}

export interface TableHealth {
  readonly name: string;
  /** The rows alone, with what of them is stored out of line. */
  readonly sizeBytes: number;
  readonly indexBytes: number;
  /** Both as the server estimates them. */
  readonly liveRows: number;
  readonly deadRows: number;
}

export interface IndexHealth {
  readonly name: string;
  readonly table: string;
  readonly sizeBytes: number;
  /** How often it was used since the server's statistics began. */
  readonly scans: number;
  readonly isValid: boolean;
}

/** The tables of the store's schema and their indexes. */
export interface Relations {
  readonly databaseBytes: number;
  readonly tables: readonly TableHealth[];
  readonly indexes: readonly IndexHealth[];
  /** Names of those that serve nobody and cost every write; `migrate()` or `vectors.index.ensure()` repairs the store's own. */
  readonly invalidIndexes: readonly string[];
}

/** What is known of the indexes of the vectors; `store.vectors.index.status()` tells more. */
export interface VectorIndexHealth {
  readonly name: string;
  readonly kind: string;
  readonly exists: boolean;
  readonly isValid: boolean;
  readonly sizeBytes: number;
  readonly advice: readonly { readonly code: string; readonly message: string }[];
}

export interface VectorIndexesHealth {
  readonly liveRows: number;
  readonly deadRows: number;
  readonly indexes: readonly VectorIndexHealth[];
}

export interface ReplicaHealth {
  readonly name: string;
  readonly state: string;
  readonly lagBytes: number | null;
  /** `null` while nothing is written. */
  readonly lagSeconds: number | null;
}

export interface Replication {
  /** Of the server that was asked. */
  readonly role: 'primary' | 'replica';
  /** Of a primary; empty on a replica. */
  readonly replicas: readonly ReplicaHealth[];
  /**
   * Of a replica: the age of the last transaction it has replayed, which grows also while nothing is written; `null`
   * before it has replayed one.
   */
  readonly lagSeconds: number | null;
}

export interface MigrationHealth {
  readonly current: string | null;
  readonly pending: readonly string[];
  readonly isUpToDate: boolean;
}

export interface RedisHealth {
  readonly state: 'up' | 'down';
  /** Commands without an answer. */
  readonly failures: number;
}

export interface RecallHealth {
  readonly samples: number;
  /** `null` before 50 samples. */
  readonly recall: number | null;
  readonly effort: number;
}

export interface SearchHealth {
  /** Searches of this process by the strategy that answered. */
  readonly searches: Readonly<Record<'exact' | 'codes' | 'hnsw', number>>;
  /** Of sampled searches, with `search.recallSampleRate`. */
  readonly recall: Readonly<Record<'codes' | 'hnsw', RecallHealth>>;
}

/** The state of the database and of what this process does with it. */
export interface DatabaseHealth {
  readonly timestamp: Date;
  readonly activeConnections: Reading<ServerSessions>;
  readonly slowQueries: Reading<SlowQueries>;
  readonly cacheHitRatio: CacheHitRatio;
  readonly pool: Reading<PoolHealth>;
  readonly relations: Relations;
  /** For the next 30 days, by the snapshots of `recordGrowth()`. */
  readonly growth: Reading<GrowthForecast>;
  readonly vectorIndexes: Reading<VectorIndexesHealth>;
  readonly replication: Reading<Replication>;
  readonly migrations: Reading<MigrationHealth>;
  readonly cache: CacheStats;
  readonly redis: Reading<RedisHealth>;
  readonly search: SearchHealth;
}

const ADVICE: Record<UnavailableReason, string> = {
  embedded: 'the embedded database has no other sessions, statistics or replicas to read',
  'not-preloaded':
    "add pg_stat_statements to shared_preload_libraries, restart the server, and run 'create extension pg_stat_statements'",
  'no-extension': "run 'create extension pg_stat_statements' in this database, as a superuser",
  'no-privilege': "run 'grant pg_read_all_stats' to the role of the store, as a superuser",
  'not-migrated': 'run store.migrate()',
  'no-pool': 'the embedded database has one connection and no pool',
  'no-redis': 'the store was made without redis',
  'too-few-snapshots':
    "call metrics.recordGrowth(), or run 'macro-store metrics --record-growth', every hour or day; a forecast takes three days",
  failed: 'the reading failed',
};

export function unavailable(reason: UnavailableReason, detail?: string): Unavailable {
  const advice = detail === undefined ? ADVICE[reason] : `${ADVICE[reason]} (${detail})`;
  return { available: false, reason, advice };
}
