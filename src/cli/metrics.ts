import type { DatabaseHealth } from '../index.js';
import type { Command } from './command.js';
import { megabytes, oneLine, table } from './table.js';

export const metricsCommand: Command<DatabaseHealth> = {
  summary: 'show how the database stands: sessions, slow statements, hit ratio, sizes, indexes, replication',
  usage: '[options]',
  about: [
    `Reads the statistics of the server once; changes nothing. What the server does not tell this role is shown with
what to do about it. Slow statements need the extension pg_stat_statements; counts are those since its last reset.`,
  ],
  options: {},
  examples: [
    ['metrics', 'a page to read'],
    ['metrics --json', 'all of it, for a program'],
  ],

  run: ({ store, signal }) => store.metrics.collectMetrics(signal === undefined ? {} : { signal }),

  describe(health, width) {
    return [...standing(health), '', ...tables(health, width), '', ...slowStatements(health, width)];
  },
};

function standing(health: DatabaseHealth): readonly string[] {
  const { activeConnections, cacheHitRatio, relations, replication, vectorIndexes } = health;
  const ratio = cacheHitRatio.lifetime;
  const advice = vectorIndexes.available ? vectorIndexes.indexes : [];
  return [
    `sessions     ${activeConnections.available ? `${activeConnections.active} active, ${activeConnections.total} of ${activeConnections.max}` : activeConnections.advice}`,
    `hit ratio    ${ratio === null ? 'nothing was read yet' : `${(100 * ratio).toFixed(1)} % since the statistics began`}`,
    `database     ${megabytes(relations.databaseBytes)}`,
    `replication  ${replication.available ? `${replication.role}, ${replication.replicas.length} replicas` : replication.advice}`,
    ...relations.invalidIndexes.map((name) => `invalid      ${name}: run migrate`),
    ...advice.flatMap(({ name, advice: all }) =>
      all.map(({ message }) => `advice       ${name}: ${message}`),
    ),
  ];
}

function tables({ relations }: DatabaseHealth, width: number | null): readonly string[] {
  return table(
    ['table', 'rows', 'dead', 'size', 'indexes'],
    relations.tables.map(({ name, liveRows, deadRows, sizeBytes, indexBytes }) => [
      name,
      String(liveRows),
      String(deadRows),
      megabytes(sizeBytes),
      megabytes(indexBytes),
    ]),
    width,
  );
}

function slowStatements({ slowQueries }: DatabaseHealth, width: number | null): readonly string[] {
  if (!slowQueries.available) return [`slow statements: ${slowQueries.advice}`];
  const { queries, thresholdMs } = slowQueries;
  if (queries.length === 0) return [`no statement takes more than ${thresholdMs} ms in the mean`];
  return table(
    ['mean ms', 'calls', 'statement'],
    queries.map(({ meanMs, calls, text }) => [
      meanMs.toFixed(1),
      String(calls),
      oneLine(text ?? '(the server has forgotten its text)'),
    ]),
    width,
  );
}
