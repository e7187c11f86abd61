import { okAsync, type ResultAsync } from 'neverthrow';
import type { DatabaseHealth, ForecastGrowthOptions, GrowthSnapshot, StoreError } from '../index.js';
import type { Command } from './command.js';
import { GIGABYTE, growthLines, inDays, recordedLines } from './growth-lines.js';
import type { GivenOptions } from './options.js';
import { megabytes, oneLine, table } from './table.js';

/** What was collected, and the snapshot of `--record-growth`. */
type Shown = DatabaseHealth & { readonly recordedGrowth?: GrowthSnapshot };

export const metricsCommand: Command<Shown> = {
  summary: 'show how the database stands: sessions, slow statements, hit ratio, sizes and growth, indexes',
  usage: '[options]',
  about: [
    `Reads the statistics of the server once; changes nothing without --record-growth. What the server does not tell
this role is shown with what to do about it. Slow statements need the extension pg_stat_statements; counts are those
since its last reset.`,
    `Growth is forecast from snapshots of the sizes, which --record-growth writes down, once an hour at most: call it
by cron, every hour or day, on one host or on many. After three days there is a forecast. It goes by the median
of what the days added, so one import does not bend it; the interval around it is as wide as the days differ.`,
  ],
  options: {
    'record-growth': { help: 'write down the sizes first, unless that was done in this hour' },
    days: { value: '<n>', help: 'how far ahead sizes are forecast; default 30' },
    limit: {
      value: '<GB>',
      help: 'a size of the database, e.g. of its disk: when is it reached? 1 GB is 1024 MB',
    },
  },
  examples: [
    ['metrics', 'a page to read'],
    ['metrics --json', 'all of it, for a program'],
    ['metrics --record-growth', 'for cron, every hour or day'],
    ['metrics --days 90 --limit 200', 'the sizes in 90 days, and when the database takes 200 GB'],
  ],

  run({ store: { metrics }, signal, options }) {
    const stoppable = signal === undefined ? {} : { signal };
    const forecast = forecastOf(options);
    const ahead = () => metrics.forecastGrowth({ ...forecast, ...stoppable });
    // What a forecast refuses is refused before anything is recorded.
    const checked = (): ResultAsync<unknown, StoreError> => (forecast === null ? okAsync(null) : ahead());
    const recorded: ResultAsync<GrowthSnapshot | null, StoreError> = options.flag('record-growth')
      ? checked().andThen(() => metrics.recordGrowth(stoppable))
      : okAsync(null);
    return recorded.andThen((recordedGrowth) =>
      metrics
        .collectMetrics(stoppable)
        .andThen((health) =>
          forecast === null ? okAsync(health) : ahead().map((growth) => ({ ...health, growth })),
        )
        .map((health) => (recordedGrowth === null ? health : { ...health, recordedGrowth })),
    );
  },

  describe(health, width) {
    return [
      ...recordedLines(health.recordedGrowth),
      ...standing(health),
      '',
      ...tables(health, width),
      '',
      ...slowStatements(health, width),
    ];
  },
};

/** `null`: the one that is collected will do. */
function forecastOf(options: GivenOptions): ForecastGrowthOptions | null {
  const days = options.wholeNumber('days');
  const limit = options.number('limit');
  if (days === undefined && limit === undefined) return null;
  return {
    ...(days !== undefined && { days }),
    ...(limit !== undefined && { limitBytes: limit * GIGABYTE }),
  };
}

function standing(health: DatabaseHealth): readonly string[] {
  const { activeConnections, cacheHitRatio, relations, replication, vectorIndexes } = health;
  const ratio = cacheHitRatio.lifetime;
  const advice = vectorIndexes.available ? vectorIndexes.indexes : [];
  return [
    `sessions     ${activeConnections.available ? `${activeConnections.active} active, ${activeConnections.total} of ${activeConnections.max}` : activeConnections.advice}`,
    `hit ratio    ${ratio === null ? 'nothing was read yet' : `${(100 * ratio).toFixed(1)} % since the statistics began`}`,
    `database     ${megabytes(relations.databaseBytes)}`,
    ...growthLines(health.growth),
    `replication  ${replication.available ? `${replication.role}, ${replication.replicas.length} replicas` : replication.advice}`,
    ...relations.invalidIndexes.map((name) => `invalid      ${name}: run migrate`),
    ...advice.flatMap(({ name, advice: all }) =>
      all.map(({ message }) => `advice       ${name}: ${message}`),
    ),
  ];
}

function tables({ relations, growth }: DatabaseHealth, width: number | null): readonly string[] {
  const forecasts = new Map(
    (growth.available ? growth.tables : []).map((forecast) => [forecast.name, forecast]),
  );
  return table(
    [
      'table',
      'rows',
      'dead',
      'size',
      'indexes',
      ...(growth.available ? ['both a day', `in ${inDays(growth.days)}`] : []),
    ],
    relations.tables.map(({ name, liveRows, deadRows, sizeBytes, indexBytes }) => {
      const forecast = forecasts.get(name);
      return [
        name,
        String(liveRows),
        String(deadRows),
        megabytes(sizeBytes),
        megabytes(indexBytes),
        ...(forecast === undefined
          ? []
          : [megabytes(forecast.bytesPerDay), megabytes(forecast.expectedBytes)]),
      ];
    }),
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
