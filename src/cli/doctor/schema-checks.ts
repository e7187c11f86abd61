import type { MacroStore } from '../../create-macro-store.js';
import type { StoreError, StoreErrorKind } from '../../errors.js';
import type { IndexAdviceCode, MigrationStatus } from '../../index.js';
import { type Finding, ok, problem, type Severity } from './finding.js';

/** Whether the tables and indexes are those of this release. `isVectorInSight`: else each index looks like another one. */
export async function checkSchema(store: MacroStore, isVectorInSight: boolean): Promise<readonly Finding[]> {
  const status = await store.migrationStatus();
  if (status.isErr()) return [unread('migrations', status.error)];
  const migrations = await checkMigrations(store, status.value);
  const areIndexesReadable = isVectorInSight && status.value.embedding !== null;
  return [
    migrations,
    checkInvalidIndexes(status.value),
    ...(areIndexesReadable ? await checkVectorIndexes(store) : []),
  ];
}

const SKEW: Readonly<Partial<Record<StoreErrorKind, readonly [id: string, advice: string]>>> = {
  'migration-edited': ['migrations.edited', 'run the release that applied it; do not edit what was applied'],
  'migration-missing': ['migrations.missing', 'run a release that ships it, or restore a backup of before'],
  'migration-out-of-order': [
    'migrations.out-of-order',
    'run the releases in their order, on a restored backup',
  ],
  'migration-unknown-newer': [
    'migrations.newer',
    'update this package to the release that migrated the database',
  ],
  'migration-unmanaged-tables': ['migrations.unmanaged', 'use another schema or database'],
  'dimension-mismatch': [
    'migrations.dimensions',
    'give --dimensions and --column as the database has them, or embed again with vectors.reembed',
  ],
};

async function checkMigrations(store: MacroStore, status: MigrationStatus): Promise<Finding> {
  const plan = await store.migrationPlan();
  if (plan.isErr()) {
    const [id, advice] = SKEW[plan.error.kind] ?? [];
    if (id === undefined || advice === undefined) return unread('migrations', plan.error);
    return problem(id, 'error', plan.error.message, advice);
  }
  // Optional steps that were left out are planned too, for whoever wants them now.
  const { pending, applied, skipped } = status;
  if (pending.length > 0) {
    const found = `not applied: ${pending.join(', ')}`;
    return problem('migrations.pending', 'error', found, 'run macro-store migrate');
  }
  const without = skipped.length > 0 ? `, without ${skipped.join(', ')}` : '';
  return ok('migrations', `${applied.length} applied${without}`);
}

function checkInvalidIndexes({ invalidIndexes }: MigrationStatus): Finding {
  const id = 'indexes.valid';
  if (invalidIndexes.length === 0) return ok(id, 'all are');
  const found = `${invalidIndexes.join(', ')}: left by a build that was cut off, serves nobody and costs every write`;
  return problem(id, 'error', found, 'run macro-store index ensure, or macro-store migrate');
}

const ADVICE: Readonly<
  Record<Exclude<IndexAdviceCode, 'invalid'>, readonly [severity: Exclude<Severity, 'ok'>, command: string]>
> = {
  missing: ['error', 'run macro-store index ensure'],
  differs: ['error', 'drop or rename it, then run macro-store index ensure'],
  'build-hnsw': ['info', 'run macro-store index ensure'],
  'raise-maintenance-work-mem': [
    'warn',
    'raise maintenance_work_mem, or build with macro-store index rebuild hnsw --maintenance-work-mem <size>',
  ],
  'reindex-before-vacuum': ['warn', 'run macro-store index rebuild hnsw'],
};

async function checkVectorIndexes({ vectors }: MacroStore): Promise<readonly Finding[]> {
  const status = await vectors.index.status();
  if (status.isErr()) return [unread('indexes.vectors', status.error)];
  const findings = status.value.indexes.flatMap(({ advice }) =>
    advice.flatMap(({ code, message }) => {
      // Those are found by the check of all indexes.
      if (code === 'invalid') return [];
      const [severity, command] = ADVICE[code];
      return [problem(`indexes.${code}`, severity, message, command)];
    }),
  );
  return findings.length > 0 ? findings : [ok('indexes.vectors', 'as searches need them')];
}

function unread(id: string, error: StoreError): Finding {
  return problem(id, 'error', `could not be read: ${error.message}`, 'see the other findings');
}
