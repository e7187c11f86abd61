import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { isStoreError } from '../errors.js';
import { createEnvironment } from './postgres-environment.js';
import { howItEnded, type PostgresTool, startTool } from './postgres-tool.js';
import { readDump, type StoredDumpReading } from './stored-dump.js';
import { APPLICATION_NAME } from './work-connection.js';

export interface DumpRestore extends StoredDumpReading {
  readonly target: pg.ClientConfig;
  readonly tool: PostgresTool;
  readonly keepOwners: boolean;
  readonly onBytes: (bytes: number) => void;
  /** The error for a pg_restore that did not end well. */
  readonly failure: (message: string, cause: Error) => Error;
}

/** Restores in one transaction: all of the dump or, when it throws, nothing. */
export async function restoreDump(restore: DumpRestore): Promise<void> {
  const { target, tool, keepOwners, signal, onBytes, failure } = restore;
  await using environment = await createEnvironment(target, APPLICATION_NAME);
  const { PGDATABASE: database = '' } = environment.env;
  const args = [
    '--format=custom',
    '--no-password',
    '--exit-on-error',
    '--single-transaction',
    ...(keepOwners ? [] : ['--no-owner', '--no-privileges']),
    // Unlike pg_dump it does not connect without; the name alone holds no secret.
    `--dbname=${connectionName(database)}`,
  ];
  const running = startTool(tool, args, environment.env, signal);
  running.stdout.resume();
  try {
    const [fed] = await Promise.allSettled([
      pipeline(Readable.from(readDump(restore, onBytes)), running.stdin, { signal }),
    ]);
    // A dump that cannot be read to its end must not look to pg_restore as if it had ended.
    if (fed.status === 'rejected' && isStoreError(fed.reason)) throw fed.reason;
    const end = await running.ended;
    if (end.code !== 0) throw failure(`pg_restore ${howItEnded(end)}`, new Error(end.stderr));
    if (fed.status === 'rejected') throw failure('pg_restore did not read to the end', fed.reason as Error);
  } finally {
    await running.stop();
  }
}

/** A name with `=` or a URL's beginning would be read as a connection string. */
function connectionName(database: string): string {
  return `dbname='${database.replace(/[\\']/g, '\\$&')}'`;
}
