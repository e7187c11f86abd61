import { ResultAsync } from 'neverthrow';
import { z } from 'zod';
import { tlsSetting } from '../config/checks.js';
import { invalidInput, type StoreError } from '../errors.js';
import { checkInput } from '../input.js';
import {
  type BackupListError,
  type BackupRestoreError,
  type BackupRunError,
  isLeftToOthers,
  toBackupError,
} from './backup-failure.js';
import { startSchedule } from './backup-schedule.js';
import { backupSettings, DATABASE_URL } from './backup-settings.js';
import type { BackupFailure, Backups, BackupsConfig } from './backups.js';
import { listManifests } from './catalog.js';
import { newestManifest } from './newest-manifest.js';
import { guardProgress } from './progress.js';
import { pruneBackups } from './prune-backups.js';
import { restoreBackup } from './restore-backup.js';
import { runBackup } from './run-backup.js';
import { runScheduled } from './scheduled-backup.js';
import { verifyBackup } from './verify-backup.js';
import { UNINTERRUPTED } from './work-connection.js';

const restoreTarget = z.looseObject({ url: DATABASE_URL, tls: tlsSetting.optional() });

/**
 * The backups of one database: dumps by pg_dump at a destination, each complete or not there, and their way
 * back. Needs `pg_dump` and `pg_restore` of the server's version or newer. Nothing connects before the first call.
 *
 * @throws {MacroStoreConfigError} with every mistake in the configuration, by field path.
 * @example
 * import { createBackups, directoryDestination } from '@macro-ai/store/backup';
 *
 * const backups = createBackups({
 *   database: { url: 'postgresql://localhost/chat' },
 *   destination: directoryDestination('/var/backups/chat'),
 * });
 * const taken = await backups.run();
 */
export function createBackups(config: BackupsConfig): Backups {
  const settings = backupSettings(config);
  const { logger, clock } = settings;
  let lastFailure: BackupFailure | null = null;

  const attempt = <T, E extends StoreError>(
    operation: string,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): ResultAsync<T, E> =>
    // toBackupError gives only the kinds that the methods have in their types.
    ResultAsync.fromPromise(work(), (error) => toBackupError(operation, error, signal) as E).orTee(
      (error) => {
        const { kind, message } = error;
        if (!isLeftToOthers(error)) logger?.warn('backup.failed', { operation, kind, message });
      },
    );

  const backups: Backups = {
    run: (options = {}) => {
      const { signal = UNINTERRUPTED } = options;
      return attempt<Awaited<ReturnType<typeof runBackup>>, BackupRunError>('backup.run', signal, () =>
        runBackup(settings, signal, guardProgress('backup.run', options)),
      )
        .andTee((manifest) => {
          lastFailure = null;
          logger?.info('backup.published', { id: manifest.id, bytes: manifest.bytes });
        })
        .orTee((error) => {
          if (!isLeftToOthers(error)) lastFailure = { at: new Date(clock()), error };
          else if (error.kind === 'backup-refused' && error.reason === 'taken') lastFailure = null;
        });
    },

    list: () =>
      attempt<Awaited<ReturnType<typeof listManifests>>, BackupListError>('backup.list', UNINTERRUPTED, () =>
        listManifests('backup.list', settings, UNINTERRUPTED),
      ),

    verify: (id, options = {}) => {
      const { signal = UNINTERRUPTED } = options;
      return attempt('backup.verify', signal, () =>
        verifyBackup(settings, id, signal, guardProgress('backup.verify', options)),
      );
    },

    restore: (id, options) => {
      const { signal = UNINTERRUPTED } = options;
      return attempt<Awaited<ReturnType<typeof restoreBackup>>, BackupRestoreError>(
        'backup.restore',
        signal,
        async () => {
          const target = checkInput('backup.restore', restoreTarget, options);
          if (target.isErr()) throw target.error;
          if (new URL(options.url).pathname.length <= 1) {
            throw invalidInput('backup.restore', [{ path: 'url', message: 'must name a database' }]);
          }
          return restoreBackup(settings, id, signal, guardProgress('backup.restore', options));
        },
      );
    },

    prune: (options = {}) =>
      attempt('backup.prune', UNINTERRUPTED, () => pruneBackups(settings, UNINTERRUPTED, options)),

    schedule: (options) => {
      const { onProgress } = options;
      return startSchedule(options, (dueAt, signal) =>
        runScheduled(backups, dueAt, { signal, ...(onProgress === undefined ? {} : { onProgress }) }),
      );
    },

    status: () =>
      backups.list().map((manifests) => {
        const newest = newestManifest(manifests, clock());
        return { lastSuccessAt: newest === undefined ? null : new Date(newest.createdAt), lastFailure };
      }),
  };
  return backups;
}
