import { randomUUID } from 'node:crypto';
import type { QueryResultRow } from 'pg';
import { inject } from 'vitest';
import {
  createDatabase,
  dropDatabase,
  queryOnce,
  TEMPLATE_DATABASE_SUFFIX,
  withDatabase,
} from './database-admin.js';

export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** Runs one statement on a connection of its own: no transaction or setting outlives it. */
  query<Row extends QueryResultRow = QueryResultRow>(sql: string, params?: unknown[]): Promise<Row[]>;
  /** Drops it even when clients are still connected. */
  drop(): Promise<void>;
}

/** A database nobody else uses, migrated; `template: false` gives an empty one without pgvector. */
export async function createTestDatabase({ template = true } = {}): Promise<TestDatabase> {
  const serverUrl = inject('postgresUrl');
  const prefix = inject('databasePrefix');
  const name = `${prefix}${randomUUID().slice(0, 8)}`;
  const url = withDatabase(serverUrl, name);
  await createDatabase(serverUrl, {
    name,
    ...(template ? { template: prefix + TEMPLATE_DATABASE_SUFFIX } : {}),
  });
  const drop = () => dropDatabase(serverUrl, name);
  return {
    url,
    name,
    query: (sql, params) => queryOnce(url, sql, params),
    drop,
    [Symbol.asyncDispose]: drop,
  };
}
