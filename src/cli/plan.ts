import { type MigrationPlan, plan } from '../migrations/index.js';
import type { Command } from './command.js';

export const planCommand: Command<MigrationPlan> = {
  summary: 'show the statements that migrate would run, and the lock each takes; changes nothing',

  run: ({ url, embedding, skipHnsw }) => plan({ url, embedding, hnsw: skipHnsw ? 'skip' : 'build' }),

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
