import { dedicatedFailure } from '../database/dedicated-failure.js';
import {
  aborted,
  type BackupPart,
  type BackupRefusal,
  type BackupStep,
  hasKind,
  type StoreError,
  type StoreErrorKind,
  storeError,
} from '../errors.js';

export type ConnectionErrorKind =
  | 'unavailable'
  | 'timeout'
  | 'permission-denied'
  | 'read-only'
  | 'invalid-input'
  | 'aborted'
  | 'internal';

export type BackupRunError = StoreError<
  'backup-refused' | 'backup-failed' | 'pooler-refused' | 'callback-threw' | ConnectionErrorKind
>;
/** What reading the destination alone can end in. */
export type BackupListError = StoreError<'backup-failed' | 'aborted' | 'internal'>;
export type BackupRestoreError = StoreError<
  'not-found' | 'backup-refused' | 'backup-failed' | 'backup-damaged' | 'callback-threw' | ConnectionErrorKind
>;

export function backupFailed(operation: string, step: BackupStep, message: string, cause?: unknown) {
  return storeError('backup-failed', operation, message, { step }, cause);
}

export function backupRefused(operation: string, reason: BackupRefusal, message: string, cause?: unknown) {
  return storeError('backup-refused', operation, message, { reason }, cause);
}

export function backupDamaged(operation: string, part: BackupPart, message: string, cause?: unknown) {
  return storeError('backup-damaged', operation, message, { part }, cause);
}

/** Another process takes this backup, or has taken it: no failure of the backups. */
export function isLeftToOthers(error: StoreError): boolean {
  return error.kind === 'backup-refused' && (error.reason === 'running' || error.reason === 'taken');
}

const KINDS: readonly StoreErrorKind[] = [
  'not-found',
  'backup-refused',
  'backup-failed',
  'backup-damaged',
  'pooler-refused',
  'callback-threw',
  'unavailable',
  'timeout',
  'permission-denied',
  'read-only',
  'invalid-input',
  'aborted',
  'internal',
];

/** Whatever the work of a backup threw. What an abort broke on its way is the abort. */
export function toBackupError(operation: string, error: unknown, signal: AbortSignal): StoreError {
  if (signal.aborted) return aborted(operation, error);
  if (hasKind(error, ...KINDS)) return error as StoreError;
  return dedicatedFailure(operation, error);
}

/** Runs work on the destination; what it throws that is not ours yet is the destination's. */
export async function atDestination<T>(
  operation: string,
  step: BackupStep,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (hasKind(error, ...KINDS)) throw error;
    throw backupFailed(operation, step, `the destination failed (${step})`, error);
  }
}
