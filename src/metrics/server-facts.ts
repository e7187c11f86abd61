import { sql } from 'drizzle-orm';
import { compileStatement } from '../database/statement.js';
import type { ReplicaHealth } from './database-health.js';

/** What one round trip tells of the server. */
export interface ServerFacts {
  readonly readsAllStats: boolean;
  readonly isPreloaded: boolean;
  /** The schema of pg_stat_statements, or `null` where it is not created in this database. */
  readonly statementsSchema: string | null;
  readonly active: number;
  readonly idleInTransaction: number;
  readonly sessions: number;
  readonly maxConnections: number;
  readonly blocksHit: number;
  readonly blocksRead: number;
  readonly isReplica: boolean;
  readonly replayLagSeconds: number | null;
  readonly replicas: readonly ReplicaHealth[];
}

// Whether the library is loaded is told by its settings: shared_preload_libraries itself is shown to few roles.
export const selectServerFacts = compileStatement<object, ServerFacts>(
  'metrics.serverFacts',
  sql`select
    pg_has_role('pg_read_all_stats', 'usage') as "readsAllStats",
    exists (select from pg_settings where name = 'pg_stat_statements.max') as "isPreloaded",
    (select nspname::text from pg_extension join pg_namespace n on n.oid = extnamespace
      where extname = 'pg_stat_statements') as "statementsSchema",
    activity.active, activity.in_transaction as "idleInTransaction", activity.sessions,
    current_setting('max_connections')::float8 as "maxConnections",
    blocks.hit as "blocksHit", blocks.read as "blocksRead",
    pg_is_in_recovery() as "isReplica",
    extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8 as "replayLagSeconds",
    coalesce((select json_agg(json_build_object(
        'name', application_name, 'state', state,
        'lagBytes', pg_wal_lsn_diff(
          case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end, replay_lsn)::float8,
        'lagSeconds', extract(epoch from replay_lag)::float8) order by application_name)
      from pg_stat_replication), '[]') as replicas
    from (
      select count(*) filter (where state = 'active')::float8 as active,
        count(*) filter (where state like 'idle in transaction%')::float8 as in_transaction,
        count(*)::float8 as sessions
      from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
    ) activity, (
      select coalesce(sum(coalesce(heap_blks_hit, 0) + coalesce(idx_blks_hit, 0)
          + coalesce(toast_blks_hit, 0) + coalesce(tidx_blks_hit, 0)), 0)::float8 as hit,
        coalesce(sum(coalesce(heap_blks_read, 0) + coalesce(idx_blks_read, 0)
          + coalesce(toast_blks_read, 0) + coalesce(tidx_blks_read, 0)), 0)::float8 as read
      from pg_statio_user_tables
    ) blocks`,
);
