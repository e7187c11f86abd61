import { sql } from 'drizzle-orm';
import { err, ok, okAsync, type Result, ResultAsync, safeTry } from 'neverthrow';
import type { CacheStats } from '../cache/cache-stats.js';
import type { CallOptions, Executor } from '../database/executor.js';
import type { PoolState } from '../database/managed-pool.js';
import { compileStatement } from '../database/statement.js';
import { type ReadError, type StoreErrorKind, storeError } from '../errors.js';
import {
  type DatabaseHealth,
  type MigrationHealth,
  type PoolHealth,
  type Reading,
  type RedisHealth,
  type Replication,
  type SearchHealth,
  type SlowQueries,
  type Unavailable,
  unavailable,
  type VectorIndexesHealth,
} from './database-health.js';
import type { Growth } from './growth/growth.js';
import { HitRatio } from './hit-ratio.js';
import { selectRelations, toRelations } from './relation-facts.js';
import { type ServerFacts, selectServerFacts } from './server-facts.js';
import { SlowQueryReader } from './slow-queries.js';

export interface HealthParts {
  readonly executor: Executor;
  /** `null`: embedded. */
  readonly pool: (() => PoolState) | null;
  readonly cache: () => CacheStats;
  readonly search: () => SearchHealth;
  readonly growth: Growth;
  readonly vectorIndexes: (
    options: CallOptions,
  ) => ResultAsync<VectorIndexesHealth, { readonly kind: StoreErrorKind }>;
  /** Of this release, in order. */
  readonly migrationIds: readonly string[];
  readonly slowQueryMillis: number;
  readonly clock: () => number;
}

const selectLedger = compileStatement<object, { readonly id: string; readonly state: string }>(
  'metrics.migrations',
  sql`select id, state from macro_store_migrations order by id`,
);

const OPERATION = 'metrics.collectMetrics';
const GRANT_TABLES =
  'grant the role of the store its rights on all tables of its schema, those of later migrations too';

/** Collects {@link DatabaseHealth}; remembers the counters that deltas are made of. */
export class HealthCollector {
  readonly #hitRatio = new HitRatio();
  readonly #slowQueries: SlowQueryReader;

  constructor(private readonly parts: HealthParts) {
    this.#slowQueries = new SlowQueryReader(parts.executor, parts.slowQueryMillis, parts.clock);
  }

  collect(options: CallOptions = {}): ResultAsync<DatabaseHealth, ReadError> {
    const { parts } = this;
    // Two connections at most, of which the pool has more.
    return ResultAsync.combine([this.#ofServer(options), this.#ofSchema(options)]).map(
      ([{ facts, slowQueries }, { relations, growth, migrations, vectorIndexes }]) => {
        const cache = parts.cache();
        return {
          timestamp: new Date(parts.clock()),
          activeConnections: sessionsOf(facts, parts.pool === null),
          slowQueries,
          cacheHitRatio: this.#hitRatio.next(facts),
          pool: poolOf(parts.pool),
          relations,
          growth,
          vectorIndexes,
          replication: replicationOf(facts, parts.pool === null),
          migrations,
          cache,
          redis: redisOf(cache),
          search: parts.search(),
        };
      },
    );
  }

  #ofServer(options: CallOptions) {
    return this.parts.executor
      .read(selectServerFacts, {}, options)
      .andThen(theOne)
      .andThen((facts) => this.#slowQueriesOf(facts, options).map((slowQueries) => ({ facts, slowQueries })));
  }

  #slowQueriesOf(
    { isPreloaded, statementsSchema, readsAllStats }: ServerFacts,
    options: CallOptions,
  ): ResultAsync<Reading<SlowQueries>, ReadError> {
    if (this.parts.pool === null) return okAsync(unavailable('embedded'));
    if (!isPreloaded) return okAsync(unavailable('not-preloaded'));
    if (statementsSchema === null) return okAsync(unavailable('no-extension'));
    if (!readsAllStats) return okAsync(unavailable('no-privilege'));
    return reading(this.#slowQueries.read(statementsSchema, options));
  }

  #ofSchema(options: CallOptions) {
    const { executor, growth, vectorIndexes } = this.parts;
    return safeTry(
      async function* (this: HealthCollector) {
        const relations = yield* executor.read(selectRelations, {}, options).andThen(theOne).map(toRelations);
        const migrations = yield* reading(
          executor.read(selectLedger, {}, options).map((ledger) => this.#standing(ledger)),
        );
        const forecast = yield* growth.forecast(options).orElse(unavailableFor);
        return ok({
          relations,
          growth: forecast,
          migrations,
          vectorIndexes: yield* reading(vectorIndexes(options)),
        });
      }.bind(this),
    );
  }

  #standing(ledger: readonly { readonly id: string; readonly state: string }[]): MigrationHealth {
    const settled = new Set(ledger.filter(({ state }) => state !== 'started').map(({ id }) => id));
    const pending = this.parts.migrationIds.filter((id) => !settled.has(id));
    const current = ledger.filter(({ state }) => state === 'done').at(-1)?.id ?? null;
    return { current, pending, isUpToDate: pending.length === 0 };
  }
}

/** One group that cannot be read leaves the others as they are. What stops all of them is an error of the whole. */
function reading<T extends object, E extends { readonly kind: StoreErrorKind }>(
  part: ResultAsync<T, E>,
): ResultAsync<Reading<T>, ReadError> {
  return part.map((value): Reading<T> => ({ available: true, ...value })).orElse(unavailableFor);
}

function unavailableFor({ kind }: { readonly kind: StoreErrorKind }): ResultAsync<Unavailable, never> {
  if (kind === 'not-migrated') return okAsync(unavailable('not-migrated'));
  if (kind === 'permission-denied') return okAsync({ ...unavailable('no-privilege'), advice: GRANT_TABLES });
  return okAsync(unavailable('failed', kind));
}

function theOne<T>(rows: readonly T[]): Result<T, ReadError> {
  const [row] = rows;
  return row === undefined ? err(storeError('internal', OPERATION, 'the server gave no row')) : ok(row);
}

function sessionsOf(facts: ServerFacts, isEmbedded: boolean): DatabaseHealth['activeConnections'] {
  if (isEmbedded) return unavailable('embedded');
  if (!facts.readsAllStats) return unavailable('no-privilege');
  const { active, idleInTransaction, sessions: total, maxConnections: max } = facts;
  return { available: true, active, idleInTransaction, total, max };
}

function replicationOf(facts: ServerFacts, isEmbedded: boolean): Reading<Replication> {
  if (isEmbedded) return unavailable('embedded');
  const { isReplica, replayLagSeconds: lagSeconds, replicas } = facts;
  if (isReplica) return { available: true, role: 'replica', replicas: [], lagSeconds };
  if (!facts.readsAllStats) return unavailable('no-privilege');
  return { available: true, role: 'primary', replicas, lagSeconds: null };
}

function poolOf(pool: HealthParts['pool']): Reading<PoolHealth> {
  if (pool === null) return unavailable('no-pool');
  const { total, idle, waiting, max } = pool();
  return { available: true, total, idle, waiting, max, utilisation: (total - idle) / max };
}

function redisOf({ redis, redisFailures: failures }: CacheStats): Reading<RedisHealth> {
  return redis === 'off' ? unavailable('no-redis') : { available: true, state: redis, failures };
}
