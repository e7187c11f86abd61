import { type MigrationStatus, status } from '../migrations/index.js';
import type { Command } from './command.js';

export const statusCommand: Command<MigrationStatus> = {
  summary: 'tell where the database stands; changes nothing',

  run: ({ url, embedding }) => status({ url, embedding }),

  describe({ applied, pending, skipped, embedding, vectorExtension, invalidIndexes }) {
    return [
      `pgvector   ${vectorExtension ?? 'not in this database'}`,
      `embedding  ${embedding === null ? 'no table yet' : `${embedding.column}(${embedding.dimensions})`}`,
      `applied    ${listed(applied)}`,
      `pending    ${listed(pending)}`,
      ...(skipped.length > 0 ? [`skipped    ${listed(skipped)}`] : []),
      ...(invalidIndexes.length > 0
        ? [`invalid    ${listed(invalidIndexes)}: left by a build that was cut off; run migrate`]
        : []),
    ];
  },
};

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
