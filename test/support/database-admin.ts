import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export const TEMPLATE_DATABASE_SUFFIX = 'template';
const OBJECT_IN_USE = '55006';

export function withDatabase(url: string, name: string): string {
  const result = new URL(url);
  result.pathname = `/${name}`;
  return result.href;
}

/** One statement on a connection of its own. */
export async function queryOnce<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  params: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'macro-store test support' });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<Row>(sql, params);
    return rows;
  } finally {
    await client.end();
  }
}

export async function createDatabase(
  serverUrl: string,
  { name, template }: { name: string; template?: string },
): Promise<void> {
  const from = template ? ` template ${pg.escapeIdentifier(template)}` : '';
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      await queryOnce(serverUrl, `create database ${pg.escapeIdentifier(name)}${from}`);
      return;
    } catch (error) {
      // The template may have a visitor for a moment, such as an autovacuum worker.
      const busy = error instanceof pg.DatabaseError && error.code === OBJECT_IN_USE;
      if (!busy || performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

export async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await queryOnce(serverUrl, `drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
}

export async function dropDatabasesOfRun(serverUrl: string, prefix: string): Promise<void> {
  const rows = await queryOnce<{ datname: string }>(
    serverUrl,
    'select datname from pg_database where starts_with(datname, $1)',
    [prefix],
  );
  for (const { datname } of rows) await dropDatabase(serverUrl, datname);
}
