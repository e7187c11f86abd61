import { ResultAsync } from 'neverthrow';
import {
  type BackupCallOptions,
  type BackupManifest,
  type Backups,
  createBackups,
  type PruneReport,
  type VerifyReport,
} from '../backup/index.js';
import { resolveConfig } from '../config.js';
import { isStoreError, type StoreError, storeError } from '../errors.js';
import { encryptionKeyOf, openDestination } from './backup-destination.js';
import { showBackup } from './backup-progress.js';
import type { Call, Command } from './command.js';
import { choiceOf, UsageError } from './options.js';
import { createProgress } from './progress.js';
import { megabytes, table } from './table.js';

const ACTIONS = ['run', 'list', 'verify', 'restore', 'prune'] as const;
const RETENTION = ['keepDaily', 'keepWeekly', 'keepMonthly', 'minKeep'] as const;

/** What was done, and what came of it. */
export type BackupResult =
  | { readonly did: 'run'; readonly manifest: BackupManifest }
  | { readonly did: 'list'; readonly manifests: readonly BackupManifest[] }
  | { readonly did: 'verify' | 'restore'; readonly report: VerifyReport }
  | { readonly did: 'prune'; readonly dryRun: boolean; readonly report: PruneReport };

export const backupCommand: Command<BackupResult> = {
  summary: 'take backups, verify them by restoring, restore them, delete old ones',
  usage: 'run | list | verify [<id>] | restore [<id>] --into <url> | prune [options]',
  maxWords: 2,
  about: [
    `run       takes a backup with pg_dump; one that fails leaves nothing behind, and earlier ones alone
list      which there are, newest first
verify    restores one into a scratch database and compares every count, constraint and index
restore   fills an empty or new database, all or nothing
prune     deletes old ones by the retention, and never the newest; verify first`,
    `Without an id it is the latest one. pg_dump and pg_restore must be as new as the server. They are dumps: what was
written after the last one began is not in it.`,
    `MACRO_STORE_BACKUP_KEY, 64 hexadecimal digits, encrypts them; without it an encrypted backup is lost. For s3://
the variables of the AWS SDK name credentials, region and endpoint.`,
  ],
  options: {
    to: {
      value: '<place>',
      help: 'a directory or s3://bucket/prefix; default MACRO_STORE_BACKUP_DESTINATION',
    },
    into: { value: '<url>', help: 'restore: the database to fill; default MACRO_STORE_RESTORE_URL' },
    'allow-non-empty': { help: 'restore: beside what is there already; fails where a name is taken' },
    'keep-owners': { help: 'restore: owners and grants as in the dump, whose roles must exist' },
    'dry-run': { help: 'prune: only tell what would be deleted' },
    'keep-daily': { value: '<n>', help: 'prune: days of which the newest is kept; default 7' },
    'keep-weekly': { value: '<n>', help: 'prune: weeks, likewise' },
    'keep-monthly': { value: '<n>', help: 'prune: months, likewise' },
    'min-keep': { value: '<n>', help: 'prune: the newest so many are kept in any case' },
    name: { value: '<name>', help: 'tells databases at one place apart; default the name of the database' },
    'pg-bin': { value: '<directory>', help: 'where pg_dump and pg_restore are; default as the PATH says' },
  },
  examples: [
    ['backup run --to /var/backups/chat', 'take one, into a directory'],
    ['backup verify --to s3://backups/chat', 'restore the latest one for a trial'],
    [
      'backup restore --to /var/backups/chat --into postgresql://localhost/restored',
      'restore the latest one',
    ],
    ['backup prune --to /var/backups/chat --keep-daily 14 --dry-run', 'what would be deleted'],
  ],

  run(call): ResultAsync<BackupResult, StoreError> {
    const [action, givenId] = call.words;
    const chosen = choiceOf('backup: what to do', action, ACTIONS);
    if (givenId !== undefined && chosen !== 'verify' && chosen !== 'restore') {
      throw new UsageError(`backup ${chosen}: takes no id; only verify and restore do`);
    }
    const id = givenId ?? 'latest';
    const into = call.options.text('into') ?? call.env['MACRO_STORE_RESTORE_URL'];
    if (chosen === 'restore' && !into) {
      throw new UsageError(
        'backup restore: into which database? Set MACRO_STORE_RESTORE_URL, or give --into',
      );
    }
    const progress = createProgress(call.stderr);
    const calling: BackupCallOptions = {
      ...(call.signal !== undefined && { signal: call.signal }),
      ...(!call.json && { onProgress: (event) => showBackup(progress, event) }),
    };
    const act = (backups: Backups): ResultAsync<BackupResult, StoreError> => {
      switch (chosen) {
        case 'run':
          return backups.run(calling).map((manifest) => ({ did: 'run', manifest }));
        case 'list':
          return backups.list().map((manifests) => ({ did: 'list', manifests }));
        case 'verify':
          return backups.verify(id, calling).map((report) => ({ did: 'verify', report }));
        case 'restore':
          return backups
            .restore(id, {
              ...calling,
              url: into ?? '',
              allowNonEmpty: call.options.flag('allow-non-empty'),
              keepOwners: call.options.flag('keep-owners'),
            })
            .map((report) => ({ did: 'restore', report }));
        case 'prune': {
          const dryRun = call.options.flag('dry-run');
          return backups.prune({ dryRun }).map((report) => ({ did: 'prune', dryRun, report }));
        }
      }
    };
    return opened(call).andThen(act).andTee(progress.end).orTee(progress.end);
  },

  describe(result, width) {
    switch (result.did) {
      case 'run':
        return [`${result.manifest.id}  ${megabytes(result.manifest.bytes)}`];
      case 'list':
        return describeList(result.manifests, width);
      case 'verify':
        return [`${result.report.manifest.id} is whole: restored in ${result.report.durationMs} ms`];
      case 'restore':
        return [`${result.report.manifest.id} restored in ${result.report.durationMs} ms`];
      case 'prune': {
        const { kept, deleted } = result.report;
        const did = result.dryRun ? 'would delete' : 'deleted';
        return [...kept.map((id) => `kept  ${id}`), ...deleted.map((id) => `${did}  ${id}`)];
      }
    }
  },
};

function opened(call: Call): ResultAsync<Backups, StoreError> {
  return ResultAsync.fromPromise(openBackups(call), (error) => {
    if (isStoreError(error)) return error;
    // A mistake of the command line, which is told as one.
    if (error instanceof Error) throw error;
    return storeError('internal', 'cli.backup', 'the backups could not be opened', {}, error);
  });
}

async function openBackups(call: Call): Promise<Backups> {
  const { config, options } = call;
  const { database } = resolveConfig(config);
  if (database.kind !== 'server') throw new UsageError('backup: an embedded database has no pg_dump');
  const { url, migrationUrl = url, tls } = database;
  const encryptionKey = encryptionKeyOf(call);
  const name = options.text('name');
  const pgBinDirectory = options.text('pg-bin');
  const retention = Object.fromEntries(
    RETENTION.map((field) => [field, options.wholeNumber(optionOf(field))]).filter(
      ([, count]) => count !== undefined,
    ),
  );
  return createBackups({
    // Past a pooler, as migrations go.
    database: { url: migrationUrl, ...(tls !== undefined && { tls }) },
    destination: await openDestination(call),
    retention,
    ...(encryptionKey !== undefined && { encryptionKey }),
    ...(name !== undefined && { name }),
    ...(pgBinDirectory !== undefined && { pgBinDirectory }),
  });
}

/** `keepDaily` as `keep-daily`. */
function optionOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function describeList(manifests: readonly BackupManifest[], width: number | null): readonly string[] {
  if (manifests.length === 0) return ['none'];
  return table(
    ['id', 'taken', 'size', 'rows', 'encrypted'],
    manifests.map(({ id, createdAt, bytes, tables, encrypted }) => [
      id,
      createdAt,
      megabytes(bytes),
      String(tables.reduce((sum, { rows }) => sum + rows, 0)),
      encrypted ? 'yes' : 'no',
    ]),
    width,
  );
}
