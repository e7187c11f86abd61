export { MacroStoreConfigError } from '../config.js';
export type {
  BackupPart,
  BackupRefusal,
  BackupStep,
  Entity,
  InputIssue,
  LockHolder,
  ReembedRefusal,
  StoreError,
  StoreErrorFields,
  StoreErrorKind,
} from '../errors.js';
export type { Logger } from '../telemetry.js';
export type { BackupDestination, StoredFile } from './backup-destination.js';
export type {
  BackupListError,
  BackupRestoreError,
  BackupRunError,
  ConnectionErrorKind,
} from './backup-failure.js';
export type {
  BackupCallOptions,
  BackupDatabase,
  BackupEvent,
  BackupFailure,
  BackupRunOptions,
  BackupSchedule,
  BackupStatus,
  Backups,
  BackupsConfig,
  PruneReport,
  RestoreOptions,
  ScheduledResult,
  ScheduleOptions,
  VerifyReport,
} from './backups.js';
export { createBackups } from './create-backups.js';
export type { DatabaseLocale } from './database-locale.js';
export { directoryDestination } from './directory-destination.js';
export type { BackedUpTable, BackupManifest } from './manifest.js';
export { DEFAULT_RETENTION, type RetentionPolicy } from './retention.js';
export { type S3DestinationOptions, type S3Sender, s3Destination } from './s3-destination.js';
