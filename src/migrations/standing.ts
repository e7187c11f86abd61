import type { DedicatedScope } from '../database/dedicated-connection.js';
import { embeddingMismatch } from '../database/embedding-column.js';
import { type StoreError, storeError } from '../errors.js';
import type { EmbeddingShape } from '../schema/embedding-shape.js';
import { type LedgerEntry, readDrizzleJournal, readLedger } from './ledger.js';
import type { Migration } from './migration.js';
import { existingTables, migratedShape, requireSchema } from './own-tables.js';

const OPERATION = 'migrations.migrate';

/** Where a database stands before a run. */
export interface Standing {
  readonly hasLedger: boolean;
  /** What the ledger says; before there is one, what it will say of the adopted migrations. */
  readonly ledger: readonly LedgerEntry[];
  /** Applied by drizzle's own migrator, from the same files. */
  readonly adopted: readonly Migration[];
  /**
   * The tables are of another shape, and the ones before a re-embedding of this: such a process works on, but
   * what it would migrate is not its table any more.
   */
  readonly mismatch: StoreError<'dimension-mismatch'> | null;
}

/**
 * Reads where the database stands; changes nothing and needs no lock. Refuses tables that nobody knows the
 * origin of, and tables for another shape of embedding.
 */
export async function readStanding(
  connection: DedicatedScope,
  migrations: readonly Migration[],
  embedding: EmbeddingShape,
): Promise<Standing> {
  await requireSchema(connection);
  // Tables before the ledger: a runner beside us makes them in the other order, so that tables which we see
  // here have their ledger by the time we look for it.
  const tables = await existingTables(connection);
  const ledger = await readLedger(connection);
  if (ledger !== null) {
    const mismatch = await refuseOtherShape(connection, embedding);
    return { hasLedger: true, ledger, adopted: [], mismatch };
  }
  if (tables.length === 0) return { hasLedger: false, ledger: [], adopted: [], mismatch: null };
  const journal = await readDrizzleJournal(connection);
  const adopted = migrations.filter((migration) => journal.has(migration.checksum));
  if (adopted.length === 0) throw unmanagedTables(tables);
  const mismatch = await refuseOtherShape(connection, embedding);
  const entries = adopted.map(({ id, checksum, isBreaking }) => ({
    id,
    checksum,
    isBreaking,
    state: 'done' as const,
  }));
  return { hasLedger: false, ledger: entries, adopted, mismatch };
}

async function refuseOtherShape(
  connection: DedicatedScope,
  embedding: EmbeddingShape,
): Promise<Standing['mismatch']> {
  const migrated = await migratedShape(connection);
  const mismatch = migrated === null ? null : embeddingMismatch(OPERATION, embedding, migrated);
  if (mismatch === null) return null;
  const previous = await migratedShape(connection, 'chat_vectors_previous');
  if (previous === null || embeddingMismatch(OPERATION, embedding, previous) !== null) throw mismatch;
  return mismatch;
}

function unmanagedTables(tables: readonly string[]) {
  const message = `the tables ${tables.join(', ')} exist already and were not made by these migrations; use another schema or database`;
  return storeError('migration-unmanaged-tables', OPERATION, message, { tables });
}
