import { sql } from 'drizzle-orm';
import { compileStatement, parameter } from '../../database/statement.js';

export interface TableSize {
  readonly name: string;
  /** The rows alone, with what of them is stored out of line. */
  readonly tableBytes: number;
  readonly indexBytes: number;
  /** As the server estimates them. */
  readonly rows: number;
}

export interface SnapshotRow {
  readonly takenAt: Date;
  readonly databaseBytes: number;
  readonly tables: readonly TableSize[];
}

const columns = sql`taken_at as "takenAt", database_bytes::float8 as "databaseBytes", tables`;
/** For so long all snapshots of a day are kept, and its first one afterwards. */
const HOURLY_DAYS = 14;

/**
 * Stores the sizes of this hour, unless another has; the same row is given to all who ask within it. Takes away what
 * is older than is kept.
 *
 * Only an update gives the row to those who find it there, who may not see it in their snapshot; its `xmax` is then
 * their own lock on it, and 0 for the one who stored it. A table that is dropped meanwhile has no size.
 */
export const recordSnapshot = compileStatement<
  { readonly keepDays: number },
  SnapshotRow & { readonly isNew: boolean }
>(
  'metrics.recordGrowth',
  sql`with expired as (
      delete from macro_store_growth_snapshots s
      where s.hour < statement_timestamp() - ${parameter('keepDays')}::int * interval '24 hours'
        or s.hour < statement_timestamp() - ${sql`${HOURLY_DAYS}`.inlineParams()} * interval '24 hours'
          and exists (select from macro_store_growth_snapshots earlier
            where earlier.hour < s.hour and earlier.hour >= date_trunc('day', s.hour, 'UTC'))
    )
    insert into macro_store_growth_snapshots as s (hour, taken_at, database_bytes, tables)
    select date_trunc('hour', statement_timestamp(), 'UTC'), statement_timestamp(),
      pg_database_size(current_database()),
      coalesce((select jsonb_agg(jsonb_build_object('name', name, 'tableBytes', table_bytes,
          'indexBytes', index_bytes, 'rows', rows) order by name)
        from (select t.relname as name, pg_table_size(t.oid) as table_bytes, pg_indexes_size(t.oid) as index_bytes,
            coalesce(u.n_live_tup, 0) as rows
          from pg_class t left join pg_stat_user_tables u on u.relid = t.oid
          where t.relnamespace = current_schema()::regnamespace and t.relkind = 'r') sizes
        where table_bytes is not null and index_bytes is not null), '[]')
    on conflict (hour) do update set hour = excluded.hour
    returning ${columns}, s.xmax = 0 as "isNew"`,
);

const daysAgo = sql`floor(extract(epoch from statement_timestamp() - hour) / 86400)`;

/** The last snapshot in each 24 hours, counted back from now, so that they are a day apart; oldest first. */
export const selectDays = compileStatement<{ readonly basisDays: number }, SnapshotRow>(
  'metrics.forecastGrowth',
  sql`select distinct on (${daysAgo}) ${columns} from macro_store_growth_snapshots
    where hour > statement_timestamp() - ${parameter('basisDays')}::int * interval '24 hours'
    order by ${daysAgo} desc, hour desc`,
);
