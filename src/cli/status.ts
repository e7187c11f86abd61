import type { MigrationStatus } from '../migrations/index.js';
import type { Command } from './command.js';

export const statusCommand: Command<MigrationStatus> = {
  summary: 'tell where the database stands; changes nothing',

  usage: '[options]',
  about: [
    `Which migrations are applied, pending or left out, the version of pgvector, the shape of the embeddings, and
indexes that a cut-off build left invalid. Takes no lock.`,
  ],
  options: {},
  examples: [
    ['status', 'where the database of DATABASE_URL stands'],
    ['status --json', 'the same for a program: { applied, pending, skipped, … }'],
  ],

  run: ({ store }) => store.migrationStatus(),

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
