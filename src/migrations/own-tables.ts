import type { DedicatedScope } from '../database/dedicated-connection.js';
import { embeddingColumnSql, parseEmbeddingType } from '../database/embedding-column.js';
import { ownRelation } from '../database/own-relation.js';
import type { VectorTable } from '../database/vector-tables.js';
import { storeError } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';

/** What the migrations make, in the first schema of the search path that exists. */
const OWN_TABLES = ['users', 'chats', 'chat_messages', 'chat_vectors'] as const;

/** Refuses a search path that leads nowhere: nothing could be found, locked or created. */
export async function requireSchema(connection: DedicatedScope): Promise<void> {
  const [row] = await connection.query<{ exists: boolean }>('select current_schema() is not null as exists');
  if (row?.exists) return;
  const issues = [{ path: 'search_path', message: 'must name a schema that exists' }];
  throw storeError(
    'invalid-input',
    'migrations.migrate',
    "no schema of this role's search_path exists; create it first",
    {
      issues,
    },
  );
}

/** Those of our tables that are there, whoever made them. */
export async function existingTables(connection: DedicatedScope): Promise<readonly string[]> {
  const rows = await connection.query<{ name: string }>(
    `select name from unnest($1::text[]) as name where ${ownRelation('name')} is not null`,
    [OWN_TABLES],
  );
  return rows.map((row) => row.name);
}

/** The shape that the database was migrated for, or `null` before its tables are there. */
export async function migratedShape(
  connection: DedicatedScope,
  table: VectorTable = 'chat_vectors',
): Promise<EmbeddingShape | null> {
  const [row] = await connection.query<{ type: string }>(embeddingColumnSql(ownRelation(`'${table}'`)));
  return row === undefined ? null : parseEmbeddingType(row.type);
}

/** Indexes of our tables that a cut-off build left invalid. */
export async function invalidIndexes(connection: DedicatedScope): Promise<readonly string[]> {
  const rows = await connection.query<{ name: string }>(
    `select c.relname as name from pg_index i
       join pg_class c on c.oid = i.indexrelid
       join pg_class t on t.oid = i.indrelid
     where not i.indisvalid and t.relnamespace = current_schema()::regnamespace and t.relname = any($1)
     order by 1`,
    [OWN_TABLES],
  );
  return rows.map((row) => row.name);
}
