import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { DedicatedConnection } from '../database/dedicated-connection.js';

/** An underscore in LIKE is any character. */
const PREFIX = 'macro_store_verify_';
const LOCK_KEY = "hashtext('@macro-ai/store scratch'), hashtext($1)";

/** Runs work with an empty database that is dropped after; one that a killed process left is dropped before. */
export async function withScratchDatabase<T>(
  connection: DedicatedConnection,
  work: (name: string) => Promise<T>,
): Promise<T> {
  await dropAbandoned(connection);
  const name = `${PREFIX}${randomBytes(8).toString('hex')}`;
  // Tells others that its process lives: the session loses it with its end.
  await connection.query(`select pg_advisory_lock(${LOCK_KEY})`, [name]);
  await createDatabase(connection, name);
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

export async function createDatabase(connection: DedicatedConnection, name: string): Promise<void> {
  // template1 may hold what the dump holds too.
  await connection.query(`create database ${pg.escapeIdentifier(name)} template template0`);
}

export async function dropDatabase(connection: DedicatedConnection, name: string): Promise<void> {
  await connection.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
}

async function dropAbandoned(connection: DedicatedConnection): Promise<void> {
  const found = await connection.query<{ name: string }>(
    'select datname as name from pg_database where starts_with(datname, $1) and pg_has_role(datdba, $2)',
    [PREFIX, 'usage'],
  );
  for (const { name } of found) {
    const [row] = await connection.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(${LOCK_KEY}) as locked`,
      [name],
    );
    if (!row?.locked) continue;
    await dropDatabase(connection, name);
    await connection.query(`select pg_advisory_unlock(${LOCK_KEY})`, [name]);
  }
}
