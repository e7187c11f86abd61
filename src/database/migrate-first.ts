import { isStoreError, storeError } from '../errors.js';
import type { Driver } from './executor.js';

/** The driver, with the first use of it migrating the database. A failed migration is tried again by the next call. */
export function migrateFirst(driver: Driver, migrate: () => Promise<void>): Driver {
  let migrated: Promise<void> | null = null;
  const ready = async (operation: string): Promise<void> => {
    migrated ??= migrate();
    try {
      await migrated;
    } catch (error) {
      migrated = null;
      if (!isStoreError(error) || PASSED_ON.has(error.kind)) throw error;
      const message = `the first use migrates the database, and that ended in ${error.kind}; run store.migrate() to see why`;
      throw storeError('not-migrated', operation, message, {}, error);
    }
  };
  return {
    wire: driver.wire,
    query: async (statement, options) => {
      await ready(statement.operation);
      return driver.query(statement, options);
    },
    begin: async (operation, modes, options) => {
      await ready(operation);
      return driver.begin(operation, modes, options);
    },
  };
}

/** Kinds that any statement can end in; the others are of the migration. */
const PASSED_ON: ReadonlySet<string> = new Set([
  'unavailable',
  'timeout',
  'aborted',
  'closed',
  'permission-denied',
]);
