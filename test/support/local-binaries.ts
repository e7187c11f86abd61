import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findOnPath } from './server-process.js';

const DEBIAN_POSTGRES = '/usr/lib/postgresql';
export const MIN_POSTGRES_MAJOR = 15;
export const MIN_PGVECTOR = '0.8.0';

const NONE_HERE =
  'Run scripts/install-services.sh (Debian or Ubuntu, as root), or put the binaries on the PATH.';

/** The newest PostgreSQL on this machine that is new enough and has pgvector: its bin directory. */
export function findPostgresBinDir(): string | undefined {
  const debian = existsSync(DEBIAN_POSTGRES)
    ? readdirSync(DEBIAN_POSTGRES)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(DEBIAN_POSTGRES, version, 'bin'))
    : [];
  const onPath = findOnPath('initdb');
  return [...debian, ...(onPath ? [dirname(onPath)] : [])].find(isUsable);
}

export function requirePostgresBinDir(): string {
  const found = findPostgresBinDir();
  if (found) return found;
  throw new Error(
    `This test starts a PostgreSQL of its own and found no binaries with pgvector. ${NONE_HERE}`,
  );
}

export function findRedisBinary(): string | undefined {
  return findOnPath('redis-server');
}

export function requireRedisBinary(): string {
  const found = findRedisBinary();
  if (found) return found;
  throw new Error(`This test starts a Redis of its own and found no redis-server. ${NONE_HERE}`);
}

export function findPgBouncerBinary(): string | undefined {
  return findOnPath('pgbouncer');
}

export function requirePgBouncerBinary(): string {
  const found = findPgBouncerBinary();
  if (found) return found;
  throw new Error(`This test starts a PgBouncer and found no pgbouncer. ${NONE_HERE}`);
}

export function hasPgStatStatements(binDir: string): boolean {
  return existsSync(join(sharedDirectory(binDir), 'extension/pg_stat_statements.control'));
}

export function isAtLeast(version: string, minimum: string): boolean {
  return version.localeCompare(minimum, 'en', { numeric: true }) >= 0;
}

function isUsable(binDir: string): boolean {
  if (!existsSync(join(binDir, 'initdb')) || !existsSync(join(binDir, 'postgres'))) return false;
  const [major] = /\d+/.exec(run(join(binDir, 'postgres'), '--version')) ?? [];
  const control = join(sharedDirectory(binDir), 'extension/vector.control');
  if (Number(major) < MIN_POSTGRES_MAJOR || !existsSync(control)) return false;
  const [, pgvector] = /default_version\s*=\s*'([^']+)'/.exec(readFileSync(control, 'utf8')) ?? [];
  return pgvector !== undefined && isAtLeast(pgvector, MIN_PGVECTOR);
}

function sharedDirectory(binDir: string): string {
  return run(join(binDir, 'pg_config'), '--sharedir').trim();
}

function run(command: string, argument: string): string {
  return execFileSync(command, [argument], { encoding: 'utf8' });
}
