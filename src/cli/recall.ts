import type { RecallReport } from '../index.js';
import type { Command } from './command.js';
import { table } from './table.js';

export const recallCommand: Command<RecallReport> = {
  summary: 'measure how many of the true nearest texts searches find',
  usage: '[options]',
  about: [
    `Takes stored vectors for questions, searches with each in the scope of its user, and compares with the exact
answer. By size of user, since each size is searched in another way. Changes nothing; costs two searches a sample.`,
    'A recall below 0.99 for large users: see "index status", or raise m by "index rebuild hnsw --m 24".',
  ],
  options: {
    sample: { value: '<n>', help: 'searches for each size of user, 1–1000; default 50' },
    k: { value: '<n>', help: 'hits of each that are compared, 1–100; default 10' },
  },
  examples: [
    ['recall', '50 searches for each size of user'],
    ['recall --sample 200 --k 20 --json', 'more of them, for a program'],
  ],

  run({ store, options, signal }) {
    const sample = options.wholeNumber('sample');
    const k = options.wholeNumber('k');
    return store.vectorSearch.probeRecall({
      ...(sample !== undefined && { sample }),
      ...(k !== undefined && { k }),
      ...(signal !== undefined && { signal }),
    });
  },

  describe: ({ k, classes }, width) =>
    table(
      ['vectors of a user', 'searches', `recall@${k}`, 'lowest', 'strategies'],
      classes.map(({ maxRows, searches, recall, lowest, strategies }) => [
        maxRows === null ? 'more' : `up to ${maxRows}`,
        String(searches),
        recall?.toFixed(4) ?? '-',
        lowest?.toFixed(4) ?? '-',
        Object.entries(strategies)
          .map(([name, count]) => `${name} ${count}`)
          .join(', ') || '-',
      ]),
      width,
    ),
};
