import { type MigrationReport, migrate } from '../migrations/index.js';
import type { Command } from './command.js';
import { createProgressPrinter } from './progress.js';

export const migrateCommand: Command<MigrationReport> = {
  summary:
    'bring the database up to the schema of this release; safe to run again and from many places at once',

  run({ url, embedding, skipHnsw, json }, { stderr }) {
    const printer = createProgressPrinter(stderr);
    return migrate({
      url,
      embedding,
      hnsw: skipHnsw ? 'skip' : 'build',
      ...(json ? {} : { onProgress: printer.print }),
    })
      .andTee(printer.end)
      .orTee(printer.end);
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
