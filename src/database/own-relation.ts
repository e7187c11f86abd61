import type { DedicatedScope } from './dedicated-connection.js';

/**
 * The oid of a relation of ours, or null, for a name given as an SQL expression. A bare `to_regclass` would
 * go on down the search path and find the table of another store in the same database.
 */
export const ownRelation = (name: string) => `to_regclass(format('%I.%I', current_schema(), ${name}))`;

/** The quoted name in our schema, for statements that take no parameters. Bare, it could mean that of another store. */
export async function ownName(connection: DedicatedScope, name: string): Promise<string> {
  const [row] = await connection.query<{ name: string }>(
    `select format('%I.%I', current_schema(), $1::text) as name`,
    [name],
  );
  if (row === undefined) throw new Error('the server gave no name');
  return row.name;
}
