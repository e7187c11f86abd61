import { createHash, randomBytes } from 'node:crypto';
import type { DedicatedConnection } from '../database/dedicated-connection.js';

/**
 * Eight hex digits that tell this database from all others, whatever their names and on whichever server; a restart,
 * a failover to a replica and a new name change nothing. The lock that one has is seen in that database only.
 */
export async function originOf(connection: DedicatedConnection): Promise<string> {
  const [database] = await connection.query<{ oid: string; tells: boolean }>(
    `select oid::text, has_function_privilege('pg_control_system()', 'execute') as tells
     from pg_database where datname = current_database()`,
  );
  // Everybody may ask, unless that was taken from them: then it is nobody's, and leftovers of its kind stay.
  if (!database?.tells) return randomBytes(4).toString('hex');
  const [server] = await connection.query<{ id: string }>(
    'select system_identifier::text as id from pg_control_system()',
  );
  return createHash('sha256').update(`${server?.id}/${database.oid}`).digest('hex').slice(0, 8);
}
