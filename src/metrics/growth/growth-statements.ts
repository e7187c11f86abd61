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
 */
export const recordSnapshot = compileStatement<
  { readonly keepDays: number },
  SnapshotRow & { readonly isNew: boolean }
>(
  'metrics.recordGrowth',
  sql`with expired as (
      delete from macro_store_growth_snapshots s
      where s.hour < statement_timestamp() - ${parameter('keepDays')}::int * interval '1 day'
        or s.hour < statement_timestamp() - ${sql.raw(`interval '${HOURLY_DAYS} days'`)}
          and exists (select from macro_store_growth_snapshots earlier
            where earlier.hour < s.hour and earlier.hour >= date_trunc('day', s.hour, 'UTC'))
    )
    insert into macro_store_growth_snapshots as s (hour, taken_at, database_bytes, tables)
    select date_trunc('hour', statement_timestamp(), 'UTC'), statement_timestamp(),
      pg_database_size(current_database()),
      coalesce((select jsonb_agg(jsonb_build_object('name', t.relname, 'tableBytes', pg_table_size(t.oid),
          'indexBytes', pg_indexes_size(t.oid), 'rows', coalesce(u.n_live_tup, 0)) order by t.relname)
        from pg_class t left join pg_stat_user_tables u on u.relid = t.oid
        where t.relnamespace = current_schema()::regnamespace and t.relkind = 'r'), '[]')
    on conflict (hour) do update set hour = excluded.hour
    returning ${columns}, s.xmax = 0 as "isNew"`,
);

/** The last snapshot of each day (of UTC), oldest first. */
export const selectDays = compileStatement<{ readonly basisDays: number }, SnapshotRow>(
  'metrics.forecastGrowth',
  sql`select distinct on (date_trunc('day', hour, 'UTC')) ${columns}
    from macro_store_growth_snapshots
    where hour > statement_timestamp() - ${parameter('basisDays')}::int * interval '1 day'
    order by date_trunc('day', hour, 'UTC'), hour desc`,
);
