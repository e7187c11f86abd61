import type { DedicatedScope } from '../database/dedicated-connection.js';
import { ownRelation } from '../database/own-relation.js';
import type { Statement } from '../database/statement.js';
import { storeError } from '../errors.js';
import { baseOfTemporary, kindOfName, NAME_PREFIX } from './index-definition.js';

/** One index of `chat_vectors`, as the catalog has it. */
export interface FoundIndex {
  readonly name: string;
  readonly isValid: boolean;
  readonly isBuilding: boolean;
  readonly sizeBytes: number;
  /** Entries, as of its build or its last VACUUM. */
  readonly rows: number;
  readonly definition: string;
  readonly method: string;
  readonly column: string | null;
  readonly operatorClass: string;
  readonly m: number | null;
  readonly efConstruction: number | null;
}

interface CatalogRow {
  readonly liveRows: number;
  readonly deadRows: number;
  readonly largestUserRows: number | null;
  readonly maintenanceWorkMemBytes: number;
  readonly indexes: readonly FoundIndex[];
}

/** What the server knows of the indexes at one moment. */
export interface IndexCatalog extends CatalogRow {
  readonly leftovers: readonly FoundIndex[];
}

const option = (name: string) =>
  `(select option_value::int from pg_options_to_table(c.reloptions) where option_name = '${name}')`;

// Another role's progress is hidden; the lock that a REINDEX CONCURRENTLY keeps on its index is not.
const isBuilding = `
  exists (select from pg_stat_progress_create_index p where p.index_relid = c.oid)
  or exists (select from pg_locks l join pg_database d on d.oid = l.database
    where d.datname = current_database() and l.relation = c.oid and l.mode = 'ShareUpdateExclusiveLock' and l.granted)`;

/** No row: the table is not there. */
export const readCatalogRow: Statement<object, CatalogRow> = {
  operation: 'vectors.index.status',
  name: 'vectors.index.status',
  parameterNames: [],
  text: `
  select "liveRows", "deadRows", "maintenanceWorkMemBytes", indexes,
    round("liveRows" * (
      select (most_common_freqs)[1] from pg_stats
      where schemaname = current_schema() and tablename = 'chat_vectors' and attname = 'user_id'
    ))::float8 as "largestUserRows"
  from (
    select coalesce(nullif(s.n_live_tup, 0), greatest(t.reltuples, 0))::float8 as "liveRows",
      coalesce(s.n_dead_tup, 0)::float8 as "deadRows",
      pg_size_bytes(current_setting('maintenance_work_mem'))::float8 as "maintenanceWorkMemBytes",
      coalesce((
        select json_agg(json_build_object(
          'name', c.relname,
          'isValid', i.indisvalid and i.indisready and i.indislive,
          'isBuilding', ${isBuilding},
          'sizeBytes', pg_relation_size(c.oid),
          'rows', greatest(c.reltuples, 0),
          'definition', pg_get_indexdef(c.oid),
          'method', am.amname,
          'column', (select attname from pg_attribute a where a.attrelid = i.indrelid and a.attnum = i.indkey[0]),
          'operatorClass', (select opcname from pg_opclass o where o.oid = i.indclass[0]),
          'm', ${option('m')},
          'efConstruction', ${option('ef_construction')}
        ) order by c.relname)
        from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am am on am.oid = c.relam
        where i.indrelid = t.oid and starts_with(c.relname, '${NAME_PREFIX}')
      ), '[]') as indexes
    from pg_class t left join pg_stat_user_tables s on s.relid = t.oid
    where t.oid = ${ownRelation("'chat_vectors'")}
  ) as facts`,
};

export function toCatalog(operation: string, rows: readonly CatalogRow[]): IndexCatalog {
  const [row] = rows;
  if (row === undefined) {
    throw storeError('not-migrated', operation, 'the table chat_vectors is not there; run store.migrate()');
  }
  return {
    ...row,
    indexes: row.indexes.filter(({ name }) => kindOfName(name) !== null),
    leftovers: row.indexes.filter(({ name }) => baseOfTemporary(name) !== null),
  };
}

export async function readCatalog(connection: DedicatedScope, operation: string): Promise<IndexCatalog> {
  return toCatalog(operation, await connection.query<CatalogRow>(readCatalogRow.text));
}

export function findIn({ indexes }: IndexCatalog, name: string): FoundIndex | null {
  return indexes.find((index) => index.name === name) ?? null;
}
