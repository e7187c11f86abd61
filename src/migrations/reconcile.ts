import { type StoreError, storeError } from '../errors.js';
import type { LedgerEntry } from './ledger.js';
import type { Migration } from './migration.js';

/** What to do about a database that a newer release has migrated. */
export type NewerPolicy = 'refuse' | 'allow-compatible';

export type ReconcileError = StoreError<
  'migration-edited' | 'migration-missing' | 'migration-out-of-order' | 'migration-unknown-newer'
>;

const OPERATION = 'migrations.migrate';

/**
 * Holds the shipped migrations against the ledger. Gives those still to run, in order, or the reason why
 * nothing may run: an edited, missing or out-of-order migration is never passed over in silence.
 */
export function reconcile(
  migrations: readonly Migration[],
  ledger: readonly LedgerEntry[],
  onNewer: NewerPolicy,
): { readonly pending: readonly Migration[] } | { readonly error: ReconcileError } {
  const shipped = new Map(migrations.map((migration) => [migration.id, migration]));
  const recorded = new Map(ledger.map((entry) => [entry.id, entry]));
  const newestShipped = migrations.at(-1)?.id ?? '';

  const edited = ledger.filter(
    (entry) => shipped.has(entry.id) && shipped.get(entry.id)?.checksum !== entry.checksum,
  );
  if (edited.length > 0) {
    return fail('migration-edited', edited, 'applied with other SQL than this package ships');
  }
  const unknown = ledger.filter((entry) => !shipped.has(entry.id));
  const missing = unknown.filter((entry) => entry.id < newestShipped);
  if (missing.length > 0) {
    return fail('migration-missing', missing, 'applied here, but not shipped with this package');
  }
  const refused = unknown.filter((entry) => onNewer === 'refuse' || entry.isBreaking);
  if (refused.length > 0) {
    return fail('migration-unknown-newer', refused, 'applied by a newer release of this package; update it');
  }
  const newestDone = ledger.filter((entry) => entry.state === 'done').at(-1)?.id ?? '';
  const outOfOrder = migrations.filter(
    (migration) => !recorded.has(migration.id) && migration.id < newestDone,
  );
  if (outOfOrder.length > 0) {
    return fail('migration-out-of-order', outOfOrder, 'not applied, although a later one is');
  }
  return { pending: migrations.filter((migration) => recorded.get(migration.id)?.state !== 'done') };
}

function fail(kind: ReconcileError['kind'], entries: readonly { readonly id: string }[], what: string) {
  const migrationIds = entries.map((entry) => entry.id);
  return { error: storeError(kind, OPERATION, `${migrationIds.join(', ')}: ${what}`, { migrationIds }) };
}
