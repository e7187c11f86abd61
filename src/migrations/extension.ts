import type { DedicatedConnection } from '../database/dedicated-connection.js';
import { storeError } from '../errors.js';
import { sqlStateOf } from '../sql-state.js';

/** Iterative index scans, and half the memory in builds: what the searches of this package stand on. */
const MINIMUM_VERSION = [0, 8] as const;

type Reason = 'not-installed' | 'not-permitted' | 'too-old' | 'not-on-search-path';

const ADVICE: Record<Reason, string> = {
  'not-installed': 'pgvector is not installed on the server; install its package for this PostgreSQL version',
  'not-permitted':
    'this role may not create it; have a superuser run CREATE EXTENSION vector in this database',
  'too-old': 'its version is below 0.8; install a newer one and run ALTER EXTENSION vector UPDATE',
  'not-on-search-path': "it is installed in a schema outside this role's search_path; add that schema",
};

function extensionMissing(reason: Reason, cause?: unknown) {
  return storeError(
    'extension-missing',
    'migrations.migrate',
    `the extension "vector": ${ADVICE[reason]}`,
    { reason },
    cause,
  );
}

/** Creates the extension where it is missing, or says why it cannot be had. */
export async function ensureVectorExtension(connection: DedicatedConnection): Promise<void> {
  let version = await installedVersion(connection);
  if (version === null) {
    const available = await connection.query("select 1 from pg_available_extensions where name = 'vector'");
    if (available.length === 0) throw extensionMissing('not-installed');
    await createExtension(connection);
    version = await installedVersion(connection);
  }
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  if (major === MINIMUM_VERSION[0] && minor < MINIMUM_VERSION[1]) throw extensionMissing('too-old');
  const [row] = await connection.query<{ visible: boolean }>(
    "select to_regtype('vector') is not null as visible",
  );
  if (!row?.visible) throw extensionMissing('not-on-search-path');
}

/**
 * In `public` where that is in sight: the database has one extension, and in the schema of one store it would
 * be out of sight of the others.
 */
async function createExtension(connection: DedicatedConnection): Promise<void> {
  const [row] = await connection.query<{ isPublic: boolean }>(
    `select 'public' = any (current_schemas(false)) as "isPublic"`,
  );
  try {
    await connection.query(`create extension if not exists vector ${row?.isPublic ? 'schema public' : ''}`);
  } catch (error) {
    const sqlState = sqlStateOf(error);
    if (sqlState === '42501') throw extensionMissing('not-permitted', error);
    // unique_violation, duplicate_object: the runner of another schema, under another lock, was faster.
    if (sqlState !== '23505' && sqlState !== '42710') throw error;
  }
}

export async function installedVersion(connection: DedicatedConnection): Promise<string | null> {
  const [row] = await connection.query<{ version: string }>(
    "select extversion as version from pg_extension where extname = 'vector'",
  );
  return row?.version ?? null;
}
