import type { DedicatedScope } from '../database/dedicated-connection.js';
import { embeddingColumnSql, parseEmbeddingType } from '../database/embedding-column.js';
import { ownRelation } from '../database/own-relation.js';
import type { BackedUpTable, BackupManifest } from './manifest.js';

/** Ordinary tables that a dump holds: not the server's, not an extension's. */
const DUMPED_TABLES = `
  select c.oid, n.nspname as schema, c.relname as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and c.relpersistence <> 't'
    and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
    and not exists (select from pg_depend d
      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`;

type DatabaseFacts = Pick<BackupManifest, 'tables' | 'indexes' | 'constraints' | 'unvalidatedConstraints'>;

/** What a dump is compared with: exact counts, in the snapshot of the transaction. */
export async function readDatabaseFacts(scope: DedicatedScope): Promise<DatabaseFacts> {
  const found = await scope.query<{ schema: string; name: string; quoted: string }>(
    `select schema, name, format('%I.%I', schema, name) as quoted from (${DUMPED_TABLES}) as t
     order by schema collate "C", name collate "C"`,
  );
  const tables: BackedUpTable[] = [];
  for (const { schema, name, quoted } of found) {
    // The parent of an inheritance has a row count of its own, as each partition has.
    const [row] = await scope.query<{ rows: string }>(`select count(*) as rows from only ${quoted}`);
    tables.push({ schema, name, rows: Number(row?.rows) });
  }
  const [counts] = await scope.query<{ indexes: number; constraints: number; unvalidated: number }>(
    // Without NOT NULL, which newer servers list as constraints and older do not.
    `with t as (${DUMPED_TABLES}) select
       (select count(*) from pg_index where indrelid in (select oid from t) and indisvalid)::int as indexes,
       count(*)::int as constraints,
       (count(*) filter (where not convalidated))::int as unvalidated
     from pg_constraint where conrelid in (select oid from t) and contype in ('c', 'f', 'p', 'u', 'x')`,
  );
  if (counts === undefined) throw new Error('the server counted nothing');
  return {
    tables,
    indexes: counts.indexes,
    constraints: counts.constraints,
    unvalidatedConstraints: counts.unvalidated,
  };
}

/** Which schema of the store the database has. */
export async function readStoreFacts(
  scope: DedicatedScope,
): Promise<Pick<BackupManifest, 'migrations' | 'embedding'>> {
  const [ledger] = await scope.query<{ exists: boolean }>(
    `select ${ownRelation("'macro_store_migrations'")} is not null as exists`,
  );
  const applied = ledger?.exists
    ? await scope.query<{ id: string }>(
        "select id from macro_store_migrations where state = 'done' order by id",
      )
    : [];
  const [column] = await scope.query<{ type: string }>(embeddingColumnSql(ownRelation("'chat_vectors'")));
  return {
    migrations: applied.map(({ id }) => id),
    embedding: column === undefined ? null : parseEmbeddingType(column.type),
  };
}
