import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { DedicatedConnection } from '../database/dedicated-connection.js';
import { sqlStateOf } from '../sql-state.js';
import { backupRefused } from './backup-failure.js';
import { type DatabaseLocale, localeOptions } from './database-locale.js';

const PREFIX = 'macro_store_verify_';
/** What a server says of an encoding, locale, provider or option that it does not have. */
const LOCALE_REFUSALS = ['0A000', '22023', '42601', '42704', '42809'];
const LOCK_CLASS = "hashtext('@macro-ai/store scratch')";

/** Runs work with an empty database that is dropped after; one that a killed process left is dropped before. */
export async function withScratchDatabase<T>(
  operation: string,
  connection: DedicatedConnection,
  locale: DatabaseLocale,
  work: (name: string) => Promise<T>,
): Promise<T> {
  await dropAbandoned(connection);
  const name = `${PREFIX}${randomBytes(8).toString('hex')}`;
  // Tells others that its process lives: the session loses it with its end.
  await connection.query(`select pg_advisory_lock(${LOCK_CLASS}, hashtext($1))`, [name]);
  await createDatabase(operation, connection, { name, locale });
  let result: T;
  try {
    result = await work(name);
  } catch (error) {
    await dropDatabase(connection, name).catch(() => undefined); // the error is the one to report
    throw error;
  }
  await dropDatabase(connection, name);
  return result;
}

/** An empty one; refused (`locale-missing`) where the server cannot make it as the backup needs it. */
export async function createDatabase(
  operation: string,
  connection: DedicatedConnection,
  { name, locale }: { readonly name: string; readonly locale: DatabaseLocale },
): Promise<void> {
  try {
    // template1 may hold what the dump holds too.
    await connection.query(
      `create database ${pg.escapeIdentifier(name)} template template0 ${localeOptions(locale)}`,
    );
  } catch (error) {
    if (!LOCALE_REFUSALS.includes(sqlStateOf(error) ?? '')) throw error;
    const message =
      `the server has no ${locale.encoding} database of the locale ${locale.locale ?? locale.collate} ` +
      `(${locale.provider}), which the backup is of; install the locale, or name another server`;
    throw backupRefused(operation, 'locale-missing', message, error);
  }
}

export async function dropDatabase(connection: DedicatedConnection, name: string): Promise<void> {
  await connection.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
}

/**
 * Drops those whose maker is gone. Locks can be taken within one database only, but seen from all, and verifications
 * of other databases make theirs on this server too.
 */
async function dropAbandoned(connection: DedicatedConnection): Promise<void> {
  const found = await connection.query<{ name: string }>(
    `select datname as name from pg_database
     where starts_with(datname, $1) and pg_has_role(datdba, 'usage')
       and not exists (select from pg_locks where locktype = 'advisory' and objsubid = 2
         and classid = ${LOCK_CLASS}::oid and objid = hashtext(datname)::oid)`,
    [PREFIX],
  );
  for (const { name } of found) await dropDatabase(connection, name);
}
