import { createHash } from 'node:crypto';
import type pg from 'pg';
import { z } from 'zod';
import { hasMethods, objectOf, tlsSetting, urlOf } from '../config/checks.js';
import { MacroStoreConfigError } from '../config.js';
import { connectionSettings } from '../database/connection-settings.js';
import { inputIssues } from '../input.js';
import type { Logger } from '../telemetry.js';
import type { BackupDestination } from './backup-destination.js';
import type { BackupsConfig } from './backups.js';
import { KEY_BYTES } from './frame-encryption.js';
import { DEFAULT_RETENTION, type RetentionPolicy } from './retention.js';

export const DATABASE_URL = urlOf(['postgres:', 'postgresql:']);

/** What every operation goes by. */
export interface BackupSettings {
  readonly database: pg.ClientConfig;
  readonly scratch: pg.ClientConfig;
  readonly destination: BackupDestination;
  readonly encryptionKey: Uint8Array | null;
  readonly name: string;
  readonly retention: RetentionPolicy;
  readonly binDirectory: string | null;
  readonly clock: () => number;
  readonly logger: Logger | null;
}

/** `--` ends it in the names of files, so that no name is the beginning of another's files. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._]|-(?!-|$))*$/;

const database = z.strictObject({ url: DATABASE_URL, tls: tlsSetting.optional() });
const count = z.int().min(0).max(10_000);

const config = z.strictObject({
  database,
  scratch: database.optional(),
  destination: objectOf<BackupDestination>(
    'must be a destination, such as directoryDestination(path)',
    (value) => hasMethods(value, ['write', 'read', 'list', 'delete', 'discardUnfinished']),
  ),
  encryptionKey: objectOf<Uint8Array>(
    `must be a Uint8Array of ${KEY_BYTES} bytes`,
    (value) => value instanceof Uint8Array && value.length === KEY_BYTES,
  ).optional(),
  name: z
    .string()
    .max(100)
    .regex(NAME, {
      error:
        "must begin with a letter or digit and hold letters, digits, '.', '_' and single '-' between them only",
    })
    .optional(),
  retention: z
    .strictObject({
      keepDaily: count.default(DEFAULT_RETENTION.keepDaily),
      keepWeekly: count.default(DEFAULT_RETENTION.keepWeekly),
      keepMonthly: count.default(DEFAULT_RETENTION.keepMonthly),
      minKeep: count.min(1).default(DEFAULT_RETENTION.minKeep),
    })
    .default(DEFAULT_RETENTION),
  pgBinDirectory: z.string().min(1).optional(),
  clock: objectOf<() => number>('must be a function', (value) => typeof value === 'function').optional(),
  logger: objectOf<Logger>('must have the methods info and warn', (value) =>
    hasMethods(value, ['info', 'warn']),
  ).optional(),
});

/** @throws {MacroStoreConfigError} with every mistake at once. */
export function backupSettings(given: BackupsConfig): BackupSettings {
  const result = config.safeParse(given);
  if (!result.success) throw new MacroStoreConfigError(inputIssues(result.error));
  const { data } = result;
  const settings = connectionSettings(data.database.url, data.database.tls);
  const scratch = data.scratch ?? data.database;
  return {
    database: settings,
    scratch: connectionSettings(scratch.url, scratch.tls),
    destination: data.destination,
    encryptionKey: data.encryptionKey ?? null,
    name: data.name ?? nameOf(settings.database),
    retention: data.retention,
    binDirectory: data.pgBinDirectory ?? null,
    clock: data.clock ?? Date.now,
    logger: data.logger ?? null,
  };
}

/** A file name may not hold all that a database's name may; what tells two of them apart must not be lost with it. */
function nameOf(databaseName = 'database'): string {
  if (NAME.test(databaseName)) return databaseName;
  const readable = databaseName.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_/, '') || 'database';
  return `${readable}.${createHash('sha256').update(databaseName).digest('hex').slice(0, 8)}`;
}
