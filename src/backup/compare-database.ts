import type { DedicatedConnection } from '../database/dedicated-connection.js';
import { backupDamaged } from './backup-failure.js';
import { readDatabaseFacts } from './database-facts.js';
import type { BackupManifest } from './manifest.js';

/** Compares what was restored with what was dumped: every count, then indexes, then constraints. */
export async function compareDatabase(
  operation: string,
  connection: DedicatedConnection,
  manifest: BackupManifest,
): Promise<void> {
  const found = await readDatabaseFacts(connection);
  const restored = new Map(found.tables.map(({ schema, name, rows }) => [keyOf(schema, name), rows]));
  for (const { schema, name, rows } of manifest.tables) {
    const actual = restored.get(keyOf(schema, name));
    if (actual === rows) continue;
    const message = `the table ${schema}.${name} has ${actual ?? 'no'} rows, and had ${rows}`;
    throw backupDamaged(operation, 'counts', message);
  }
  if (found.indexes < manifest.indexes) {
    const message = `${found.indexes} indexes are there and valid, and ${manifest.indexes} were`;
    throw backupDamaged(operation, 'indexes', message);
  }
  if (
    found.constraints < manifest.constraints ||
    found.unvalidatedConstraints > manifest.unvalidatedConstraints
  ) {
    const validated = (facts: Pick<BackupManifest, 'constraints' | 'unvalidatedConstraints'>) =>
      facts.constraints - facts.unvalidatedConstraints;
    const message = `${validated(found)} constraints are there and validated, and ${validated(manifest)} were`;
    throw backupDamaged(operation, 'constraints', message);
  }
}

const keyOf = (schema: string, name: string) => JSON.stringify([schema, name]);
