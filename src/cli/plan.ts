import type { MigrationPlan } from '../migrations/index.js';
import type { Command } from './command.js';

export const planCommand: Command<MigrationPlan> = {
  summary: 'show the statements that migrate would run, and the lock each takes; changes nothing',
  usage: '[options]',
  about: [
    `Prints SQL, with the lock of each statement on tables that exist, and what that lock blocks. Refuses where
migrate would refuse, with the same reason: an edited migration, a database that a newer release has migrated.`,
  ],
  options: { 'skip-hnsw': { help: 'as migrate --skip-hnsw' } },
  examples: [
    ['plan', 'what the next migrate would do'],
    ['plan > migration.sql', 'the statements, for a review'],
  ],

  run: ({ store, options }) => store.migrationPlan(options.flag('skip-hnsw') ? { hnsw: 'skip' } : {}),

  describe({ adopted, pending }) {
    if (adopted.length + pending.length === 0) return ['-- nothing to do: the database is up to date'];
    return [
      ...adopted.map((id) => `-- ${id}: applied by drizzle's own migrator, will be taken over`),
      ...pending.flatMap(({ id, isTransactional, isBreaking, statements }) => [
        `-- ${id}: ${isTransactional ? 'in one transaction' : 'without a transaction'}${isBreaking ? ', breaks older releases' : ''}`,
        ...statements.flatMap(({ sql, lock }) => [
          `--   lock on existing tables: ${lock.level}, blocks ${lock.blocks}`,
          `${sql.trim()}`,
          '',
        ]),
      ]),
    ];
  },
};
