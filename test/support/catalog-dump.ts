import type { TestDatabase } from './test-database.js';

interface CatalogLine {
  what: string;
  is: string;
}

/**
 * Everything the catalog says of the tables of one schema: a text for each column, constraint and index,
 * by its name. The databases are the same when their dumps are.
 */
export async function dumpCatalog(
  database: TestDatabase,
  schema = 'public',
): Promise<Record<string, string>> {
  const rows = await database.query<CatalogLine>(
    `with tables as (
       select oid, relname from pg_class where relnamespace = to_regnamespace($1) and relkind in ('r', 'p')
     )
     select 'column ' || relname || '.' || attname as what,
       concat_ws(' ', '#' || rank() over (partition by t.oid order by attnum),
         format_type(atttypid, atttypmod), case when attnotnull then 'not null' end,
         case attgenerated when 's' then 'generated' else 'default' end || ' ' || pg_get_expr(adbin, adrelid),
         'storage ' || attstorage::text) as is
     from tables t join pg_attribute a on attrelid = t.oid and attnum > 0 and not attisdropped
       left join pg_attrdef d on adrelid = t.oid and adnum = attnum
     union all
     select 'constraint ' || relname || '.' || conname, pg_get_constraintdef(c.oid) ||
       case when convalidated then '' else ' not valid' end
     from tables t join pg_constraint c on conrelid = t.oid
     union all
     select 'index ' || indexrelid::regclass::text, pg_get_indexdef(indexrelid) ||
       case when indisvalid and indisready then '' else ' invalid' end
     from tables t join pg_index on indrelid = t.oid
     order by 1`,
    [schema],
  );
  return Object.fromEntries(rows.map(({ what, is }) => [what, is]));
}

/** The names whose texts differ, with both texts; `undefined` where a side has none. */
export function differences(
  one: Record<string, string>,
  other: Record<string, string>,
): Record<string, [string | undefined, string | undefined]> {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return Object.fromEntries(
    names.filter((name) => one[name] !== other[name]).map((name) => [name, [one[name], other[name]]]),
  );
}

/** What the ledger says, without its times. */
export async function dumpLedger(database: TestDatabase) {
  const [table] = await database.query("select to_regclass('macro_store_migrations') as name");
  if (table?.['name'] === null) return null;
  return database.query<{
    id: string;
    state: string;
    checksum: string;
    is_adopted: boolean;
    is_breaking: boolean;
  }>('select id, state, checksum, is_adopted, is_breaking from macro_store_migrations order by id');
}

/** All that a refused run must leave as it was. */
export async function dumpAll(database: TestDatabase) {
  return {
    catalog: await dumpCatalog(database),
    ledger: await dumpLedger(database),
    extensions: await database.query('select extname, extversion from pg_extension order by 1'),
  };
}
