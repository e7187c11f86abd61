import type { ConnectionOptions } from 'node:tls';
import type { Result, ResultAsync } from 'neverthrow';
import type { StoreError } from '../errors.js';
import type { Logger } from '../telemetry.js';
import type { BackupDestination } from './backup-destination.js';
import type { BackupListError, BackupRestoreError, BackupRunError } from './backup-failure.js';
import type { BackupManifest } from './manifest.js';
import type { RetentionPolicy } from './retention.js';

export interface BackupDatabase {
  /** A direct connection, not one through a pooler in transaction mode. The role must be able to read every table. */
  readonly url: string;
  /** As in `createMacroStore`: on and verified by default, but for loopback and unix sockets. */
  readonly tls?: boolean | ConnectionOptions;
}

export interface BackupsConfig {
  readonly database: BackupDatabase;
  readonly destination: BackupDestination;
  /** 32 random bytes. Keep them apart from the backups: without them an encrypted backup is lost. Default: no encryption. */
  readonly encryptionKey?: Uint8Array;
  /** Tells the backups of several databases at one destination apart. Default: the name of the database. */
  readonly name?: string;
  readonly retention?: Partial<RetentionPolicy>;
  /** Where `verify` makes its scratch database; the role needs CREATEDB there. Default: `database`. */
  readonly scratch?: BackupDatabase;
  /** Where pg_dump and pg_restore are. Default: as the PATH says. */
  readonly pgBinDirectory?: string;
  /** The time, in milliseconds since 1970; for tests. Default: `Date.now`. */
  readonly clock?: () => number;
  readonly logger?: Logger;
}

/** `bytes` of the stored file; at most about once in 200 ms. */
export type BackupEvent =
  | { readonly type: 'storing'; readonly bytes: number }
  | { readonly type: 'published'; readonly id: string; readonly bytes: number }
  | { readonly type: 'checking' | 'restoring'; readonly bytes: number; readonly totalBytes: number }
  | { readonly type: 'comparing' };

export interface BackupCallOptions {
  /** Ends the work, and removes what it has left so far. */
  readonly signal?: AbortSignal;
  /** Called in between; what it throws ends the work, as `callback-threw`. */
  readonly onProgress?: (event: BackupEvent) => void;
}

export interface BackupRunOptions extends BackupCallOptions {
  /** How long to wait for another process that is backing up; default 0. */
  readonly lockWaitMs?: number;
  /**
   * Refused (`taken`) where there is a backup that began then or later: one backup of a time, whoever comes first.
   * Looked at once others are locked out.
   */
  readonly unlessTakenSince?: Date;
}

export interface RestoreOptions extends BackupCallOptions {
  /** The database to fill; created where it is not there. */
  readonly url: string;
  readonly tls?: boolean | ConnectionOptions;
  /** Restores beside what is there; fails, and changes nothing, where a name is taken. Default: `false`. */
  readonly allowNonEmpty?: boolean;
  /** Keeps the owners and grants of the dump, whose roles must exist. Default: `false`, all belongs to the role. */
  readonly keepOwners?: boolean;
}

export interface VerifyReport {
  readonly manifest: BackupManifest;
  readonly durationMs: number;
}

export interface PruneReport {
  /** Ids, newest first. */
  readonly kept: readonly string[];
  /** Ids that were deleted, or with `dryRun` would be. */
  readonly deleted: readonly string[];
}

export interface BackupFailure {
  readonly at: Date;
  readonly error: StoreError;
}

export interface BackupStatus {
  /** The newest backup at the destination, whoever took it; without those of the future, which a wrong clock made. */
  readonly lastSuccessAt: Date | null;
  /** The last run of this process, if it failed, and no other process took that backup after. */
  readonly lastFailure: BackupFailure | null;
}

/** `skipped`: another process took the backup of this time, or is taking it. */
export type ScheduledResult =
  | { readonly type: 'succeeded'; readonly manifest: BackupManifest; readonly pruned: PruneReport }
  | { readonly type: 'skipped' }
  | {
      readonly type: 'failed';
      readonly step: 'run' | 'verify' | 'prune';
      readonly error: BackupRunError | BackupRestoreError;
    };

export interface ScheduleOptions {
  /** Five or six fields, e.g. `0 3 * * *`. */
  readonly cron: string;
  /** Of the cron expression, e.g. `Europe/Rome`. Default: that of the process. */
  readonly timezone?: string;
  /** Starts up to so much later, at random, so that replicas and databases do not start at once. Default: 0. */
  readonly jitterSeconds?: number;
  /** Told of every run, of one that `stop` aborted too (`failed`, `aborted`). What it throws is ignored. */
  readonly onResult: (result: ScheduledResult) => void;
  readonly onProgress?: (event: BackupEvent) => void;
}

export interface BackupSchedule {
  readonly nextRunAt: Date | null;
  /**
   * No more runs; aborts the run or verification under way, and resolves when it has cleaned up. A run that waits
   * for its jitter does not begin.
   */
  stop(): Promise<void>;
}

/** The backups of one database. */
export interface Backups {
  /**
   * Takes a backup: pg_dump, encrypted where there is a key, to the destination, and its manifest last. A run
   * that fails at any point publishes nothing and leaves earlier backups alone.
   */
  run(options?: BackupRunOptions): ResultAsync<BackupManifest, BackupRunError>;
  /** The published backups of this database, newest first. */
  list(): ResultAsync<readonly BackupManifest[], BackupListError>;
  /**
   * Reads the stored file back and compares its checksum, restores it into a scratch database, and compares
   * every row count, constraint and index; takes as long as a restore. `backup-damaged` says which part failed.
   */
  verify(id: string, options?: BackupCallOptions): ResultAsync<VerifyReport, BackupRestoreError>;
  /**
   * Restores into an empty or new database, all or nothing, after the checksum was compared; compares counts,
   * constraints and indexes after. `id` may be `latest`.
   */
  restore(id: string, options: RestoreOptions): ResultAsync<VerifyReport, BackupRestoreError>;
  /** Deletes backups by the retention; nothing but published backups of this name, and never the newest. */
  prune(options?: { readonly dryRun?: boolean }): ResultAsync<PruneReport, BackupListError>;
  /** Runs, verifies and then prunes whenever the expression says; one at a time. Nothing is pruned unless verified. */
  schedule(options: ScheduleOptions): Result<BackupSchedule, StoreError<'invalid-input'>>;
  status(): ResultAsync<BackupStatus, BackupListError>;
}
