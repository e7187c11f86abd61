import type { MigrationReport } from '../migrations/index.js';
import type { Command } from './command.js';
import { showMigration } from './migration-progress.js';
import { createProgress } from './progress.js';

export const migrateCommand: Command<MigrationReport> = {
  summary: 'bring the database up to the schema of this release',
  usage: '[options]',
  about: [
    `Applies what is pending, each step once. Safe to run again, and from every replica at once: one works, the
others wait and find nothing to do. Cut off, the next run goes on from there. Indexes are built while reads and
writes go on.`,
    `Connect directly: a pooler in transaction mode is refused, since migrations hold a session lock. TLS is on and
verified except on loopback and unix sockets; ?sslmode=disable in the URL turns it off.`,
  ],
  options: {
    'skip-hnsw': { help: 'leave the HNSW index out; a later run without it builds it' },
    'maintenance-work-mem': { value: '<size>', help: 'memory of index builds, e.g. 2GB; default 256MB' },
  },
  examples: [
    ['migrate', 'migrate the database of DATABASE_URL'],
    ['migrate --dimensions 3072 --column halfvec', 'for a model with 3,072 numbers an embedding'],
    ['migrate --skip-hnsw --json', 'without the graph of all vectors, with the report as JSON'],
  ],

  run({ store, options, json, stderr, signal }) {
    const progress = createProgress(stderr);
    const maintenanceWorkMem = options.text('maintenance-work-mem');
    return store
      .migrate({
        ...(options.flag('skip-hnsw') && { hnsw: 'skip' as const }),
        ...(maintenanceWorkMem !== undefined && { maintenanceWorkMem }),
        ...(signal !== undefined && { signal }),
        ...(!json && { onProgress: (event) => showMigration(progress, event) }),
      })
      .andTee(progress.end)
      .orTee(progress.end);
  },

  describe({ applied, adopted, skipped }) {
    const lines = [
      ...adopted.map((id) => `adopted  ${id}`),
      ...applied.map((id) => `applied  ${id}`),
      ...skipped.map((id) => `skipped  ${id}`),
    ];
    return lines.length > 0 ? lines : ['nothing to do: the database is up to date'];
  },
};
