import type { ConnectionOptions } from 'node:tls';
import type { ResultAsync } from 'neverthrow';
import type pg from 'pg';
import { resolveConfig } from '../config.js';
import { connectionSettings } from '../database/connection-settings.js';
import {
  connectDedicated,
  connectFromPool,
  type DedicatedConnection,
} from '../database/dedicated-connection.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { MIGRATIONS } from './bundled.js';
import { inspectStatus, type MigrationPlan, type MigrationStatus, planMigrations } from './inspect.js';
import {
  MIGRATING,
  type MigrateError,
  type MigrateOptions,
  type MigrationReport,
  runMigrations,
} from './runner.js';

export type { LockHolder, StoreError } from '../errors.js';
export type { EmbeddingColumn, EmbeddingShape } from '../schema/embedding-shape.js';
export type { MigrationEvent, OnMigrationEvent } from './events.js';
export type { MigrationPlan, MigrationStatus, PlannedMigration, PlannedStatement } from './inspect.js';
export type { StatementLock } from './lint.js';
export type { NewerPolicy } from './reconcile.js';
export type { MigrateError, MigrateOptions, MigrationReport } from './runner.js';

/** Where to migrate: a direct connection, not one through a pooler in transaction mode. */
export type MigrationTarget = (
  | { readonly url: string; readonly tls?: boolean | ConnectionOptions }
  /** One client of the application's pool is taken for the run and closed after. */
  | { readonly pool: pg.Pool }
) & {
  /** Default: 1,536 dimensions in a `vector` column. */
  readonly embedding?: Partial<EmbeddingShape>;
};

/**
 * Brings a server's database up to the schema of this release.
 *
 * Safe to call from every replica at once: one works, the others wait and find nothing to do. Each migration
 * is applied once, in a transaction with its ledger row; index builds run concurrently with reads and
 * writes. After a crash at any point the next run goes on. A first run needs the right to create tables, and
 * the `vector` extension or the right to create it.
 *
 * @throws {MacroStoreConfigError} for a mistake in the target.
 * @example
 * import { migrate } from '@macro-ai/store/migrations';
 *
 * const report = await migrate({ url: 'postgresql://localhost/chat' });
 * report.match(
 *   ({ applied }) => console.log(`applied ${applied.length} migrations`),
 *   (error) => { throw error; },
 * );
 */
export function migrate(
  target: MigrationTarget & MigrateOptions,
): ResultAsync<MigrationReport, MigrateError> {
  const { connect, embedding } = open(target);
  return runMigrations(connect, MIGRATIONS, embedding, target);
}

/** Tells where a database stands; changes nothing and waits for no lock. */
export function status(target: MigrationTarget): ResultAsync<MigrationStatus, MigrateError> {
  return inspectStatus(open(target).connect, MIGRATIONS);
}

/** Tells, statement by statement and with the lock each takes, what {@link migrate} would do; changes nothing. */
export function plan(
  target: MigrationTarget & Pick<MigrateOptions, 'hnsw' | 'onNewer'>,
): ResultAsync<MigrationPlan, MigrateError> {
  const { connect, embedding } = open(target);
  return planMigrations(connect, MIGRATIONS, embedding, target);
}

function open(target: MigrationTarget) {
  const embedding = target.embedding === undefined ? {} : { embedding: target.embedding };
  if ('pool' in target) {
    const { pool } = target;
    const config = resolveConfig({ database: { pool }, ...embedding });
    return {
      connect: (): Promise<DedicatedConnection> => connectFromPool(pool),
      embedding: config.embedding,
    };
  }
  const { url, tls } = target;
  const config = resolveConfig({ database: { url, ...(tls === undefined ? {} : { tls }) }, ...embedding });
  const settings = connectionSettings(url, tls);
  return { connect: () => connectDedicated(settings, MIGRATING), embedding: config.embedding };
}
