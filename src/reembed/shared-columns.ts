import type { DedicatedScope } from '../database/dedicated-connection.js';
import type { SharedColumns } from './mirror.js';

/** Of the embedding, and so not the same in both tables. */
const OF_THE_EMBEDDING = ['embedding', 'embedding_code', 'model'];

/** The columns of a table that are passed on as they are, those that the application has added too. */
export async function sharedColumns(scope: DedicatedScope, table: string): Promise<SharedColumns> {
  const rows = await scope.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' and attname <> all($2)
     order by attnum`,
    [table, OF_THE_EMBEDDING],
  );
  return rows.map(({ name }) => name);
}
