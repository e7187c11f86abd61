import type { DedicatedScope } from '../database/dedicated-connection.js';

/**
 * The users with the most vectors, at most so many, each with at least so many vectors.
 *
 * The server's statistics name up to 100 candidates, which are then counted. Where they name too few, all
 * users are counted over the covering index: about 0.1 ms a thousand rows.
 */
export async function findHeavyUsers(
  connection: DedicatedScope,
  count: number,
  minRows: number,
): Promise<readonly string[]> {
  const candidates = await commonUsers(connection);
  const counted = await connection.query<{ userId: string; rows: number }>(
    `select user_id::text as "userId", count(*)::float8 as rows from chat_vectors
     ${candidates.length >= count ? 'where user_id = any ($2::uuid[])' : ''}
     group by user_id order by rows desc, user_id limit $1`,
    candidates.length >= count ? [count, candidates] : [count],
  );
  return counted.filter(({ rows }) => rows >= minRows).map(({ userId }) => userId);
}

async function commonUsers(connection: DedicatedScope): Promise<readonly string[]> {
  const [row] = await connection.query<{ users: readonly string[] | null }>(
    `select array_to_json(most_common_vals::text::text[]) as users from pg_stats
     where schemaname = current_schema() and tablename = 'chat_vectors' and attname = 'user_id'`,
  );
  return row?.users ?? [];
}
