import type { ResolvedServerDatabase } from '../../config/database-config.js';
import { connectionSettings } from '../../database/connection-settings.js';
import { connectDedicated, type DedicatedConnection } from '../../database/dedicated-connection.js';
import { refuseTransactionPooler } from '../../database/transaction-pooler.js';
import { hasKind } from '../../errors.js';
import { type ClockReading, readClock } from './clock.js';

/** What the server says of itself, and of what this role may. */
export interface DatabaseFacts {
  readonly version: string;
  readonly versionNumber: number;
  readonly encoding: string;
  readonly isInRecovery: boolean;
  /** The schema of the tables; `null`: none of the search path exists. */
  readonly schema: string | null;
  readonly role: string;
  readonly mayCreate: boolean;
  readonly mayReadAllStats: boolean;
  /** As `select on users`. */
  readonly lackingRights: readonly string[];
  readonly vectorVersion: string | null;
  readonly availableVectorVersion: string | null;
  readonly isVectorInSight: boolean;
  readonly isStatisticsPreloaded: boolean;
  readonly hasStatisticsExtension: boolean;
  readonly sharedBuffersBytes: number;
  /** Of the indexes that searches read. */
  readonly searchIndexBytes: number;
  /** Connections that are left for a role without privileges, when nobody is connected. */
  readonly maxConnections: number;
  readonly usedConnections: number;
  readonly roleConnections: number | null;
  readonly databaseConnections: number | null;
  readonly fsync: string;
  readonly fullPageWrites: string;
  readonly autovacuum: string;
  /** Transactions since the oldest row of this database was frozen. */
  readonly transactionAge: number;
}

/** How the server was reached. */
export interface DatabaseReading {
  readonly facts: DatabaseFacts;
  readonly clock: ClockReading;
  readonly isTransactionPooler: boolean;
}

const OPERATION = 'cli.doctor';
const PURPOSE = { operation: OPERATION, applicationName: '@macro-ai/store doctor' };

/**
 * Reads what the checks look at, over a connection of its own: not through the store's pool, whose start-up
 * settings would hide what the server does without them.
 */
export async function readDatabase(
  { url, tls }: Pick<ResolvedServerDatabase, 'url' | 'tls'>,
  now: () => number,
): Promise<DatabaseReading> {
  const connection = await connectDedicated(connectionSettings(url, tls), PURPOSE);
  try {
    return {
      facts: await readFacts(connection),
      clock: await readClock(now, async () => {
        const [row] = await connection.query<{ ms: number }>(
          'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
        );
        return row?.ms ?? Number.NaN;
      }),
      isTransactionPooler: await isTransactionPooler(connection),
    };
  } finally {
    await connection.close();
  }
}

async function isTransactionPooler(connection: DedicatedConnection): Promise<boolean> {
  try {
    await refuseTransactionPooler(connection, OPERATION);
    return false;
  } catch (error) {
    if (hasKind(error, 'pooler-refused')) return true;
    throw error;
  }
}

async function readFacts(connection: DedicatedConnection): Promise<DatabaseFacts> {
  const [facts] = await connection.query<DatabaseFacts>(FACTS);
  if (facts === undefined) throw new Error('the statement gives one row');
  return facts;
}

const OWN_TABLES = ['users', 'chats', 'chat_messages', 'chat_vectors'].map((name) => `'${name}'`).join(', ');

// Settings through pg_settings, which shows a role without privileges less instead of failing. That of
// pg_stat_statements is there only where the library was loaded at the server's start.
const setting = (name: string) => `(select setting from pg_settings where name = '${name}')`;

const FACTS = `select
  current_setting('server_version') as version,
  current_setting('server_version_num')::int as "versionNumber",
  current_setting('server_encoding') as encoding,
  pg_is_in_recovery() as "isInRecovery",
  current_schema() as schema,
  current_user as role,
  coalesce(has_schema_privilege(current_schema(), 'create'), false) as "mayCreate",
  pg_has_role(current_user, 'pg_read_all_stats', 'usage') as "mayReadAllStats",
  array(select privilege || ' on ' || name
    from unnest(array[${OWN_TABLES}]) as name, unnest(array['select', 'insert', 'update', 'delete']) as privilege
    where to_regclass(name) is not null and not has_table_privilege(to_regclass(name), privilege)) as "lackingRights",
  (select extversion from pg_extension where extname = 'vector') as "vectorVersion",
  (select default_version from pg_available_extensions where name = 'vector') as "availableVectorVersion",
  to_regtype('vector') is not null as "isVectorInSight",
  ${setting('pg_stat_statements.max')} is not null as "isStatisticsPreloaded",
  exists (select from pg_extension where extname = 'pg_stat_statements') as "hasStatisticsExtension",
  (${setting('shared_buffers')}::int8 * 8192)::float8 as "sharedBuffersBytes",
  (select coalesce(sum(pg_relation_size(indexrelid)), 0) from pg_index
    where indrelid = to_regclass('chat_vectors') and indisvalid)::float8 as "searchIndexBytes",
  ${setting('max_connections')}::int - coalesce(${setting('superuser_reserved_connections')}::int, 0)
    - coalesce(${setting('reserved_connections')}::int, 0) as "maxConnections",
  (select coalesce(sum(numbackends), 0) from pg_stat_database)::int as "usedConnections",
  (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user) as "roleConnections",
  (select nullif(datconnlimit, -1) from pg_database where datname = current_database()) as "databaseConnections",
  ${setting('fsync')} as fsync,
  ${setting('full_page_writes')} as "fullPageWrites",
  ${setting('autovacuum')} as autovacuum,
  (select age(datfrozenxid) from pg_database where datname = current_database()) as "transactionAge"`;
