import { sql } from 'drizzle-orm';
import { compileStatement } from '../database/statement.js';
import type { IndexHealth, Relations, TableHealth } from './database-health.js';

interface RelationFacts {
  readonly databaseBytes: number;
  readonly tables: readonly TableHealth[];
  readonly indexes: readonly IndexHealth[];
}

/** The tables of the schema the store works in, without those of others. */
export const selectRelations = compileStatement<object, RelationFacts>(
  'metrics.relations',
  sql`select pg_database_size(current_database())::float8 as "databaseBytes",
    coalesce((select json_agg(json_build_object(
        'name', t.relname, 'sizeBytes', pg_table_size(t.oid), 'indexBytes', pg_indexes_size(t.oid),
        'liveRows', coalesce(s.n_live_tup, 0), 'deadRows', coalesce(s.n_dead_tup, 0)) order by t.relname)
      from pg_class t left join pg_stat_user_tables s on s.relid = t.oid
      where t.relnamespace = current_schema()::regnamespace and t.relkind = 'r'), '[]') as tables,
    coalesce((select json_agg(json_build_object(
        'name', i.relname, 'table', t.relname, 'sizeBytes', pg_relation_size(i.oid),
        'scans', coalesce(s.idx_scan, 0), 'isValid', x.indisvalid and x.indisready) order by i.relname)
      from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
        left join pg_stat_user_indexes s on s.indexrelid = i.oid
      where t.relnamespace = current_schema()::regnamespace and t.relkind = 'r'), '[]') as indexes`,
);

export function toRelations({ databaseBytes, tables, indexes }: RelationFacts): Relations {
  const invalidIndexes = indexes.filter(({ isValid }) => !isValid).map(({ name }) => name);
  return { databaseBytes, tables, indexes, invalidIndexes };
}
