import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  await using environment = await createEnvironment(restore.target, APPLICATION_NAME);
  const { env, folder } = environment;
  const { PGDATABASE: database = '' } = env;
  const list = join(folder, 'entries.list');
  await writeFile(list, await restorableEntries(restore, env), { mode: 0o600 });
  const args = [
    '--no-password',
    '--exit-on-error',
    '--single-transaction',
    `--use-list=${list}`,
    ...(restore.keepOwners ? [] : ['--no-owner', '--no-privileges']),
    // Unlike pg_dump it does not connect without; the name alone holds no secret.
    `--dbname=${connectionName(database)}`,
  ];
  const { unread } = await feed(restore, args, env);
  if (unread !== null) throw restore.failure('pg_restore did not read to the end', unread);
}

/**
 * What the dump holds, but for comments on extensions: only an extension's owner may set them, often a superuser who
 * created it beforehand, and whoever creates one has its comment already.
 */
async function restorableEntries(restore: DumpRestore, env: NodeJS.ProcessEnv): Promise<string> {
  // It ends with the list of entries, which is at the beginning of a dump.
  const { stdout } = await feed({ ...restore, onBytes: () => undefined }, ['--list'], env);
  return stdout.replace(/^\d+; \d+ \d+ COMMENT - EXTENSION .*\n/gm, '');
}

/** Runs pg_restore on the dump; `unread`: why it was not read to its end. */
async function feed(
  restore: DumpRestore,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly stdout: string; readonly unread: Error | null }> {
  const { tool, signal, onBytes, failure } = restore;
  const running = startTool(tool, ['--format=custom', ...args], env, signal);
  let stdout = '';
  running.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  try {
    const [fed] = await Promise.allSettled([
      pipeline(Readable.from(readDump(restore, onBytes)), running.stdin, { signal }),
    ]);
    // A dump that cannot be read to its end must not look to pg_restore as if it had ended.
    if (fed.status === 'rejected' && isStoreError(fed.reason)) throw fed.reason;
    const end = await running.ended;
    if (end.code !== 0) throw failure(`pg_restore ${howItEnded(end)}`, new Error(end.stderr));
    return { stdout, unread: fed.status === 'rejected' ? (fed.reason as Error) : null };
  } finally {
    await running.stop();
  }
}

/** A name with `=` or a URL's beginning would be read as a connection string. */
function connectionName(database: string): string {
  return `dbname='${database.replace(/[\\']/g, '\\$&')}'`;
}
