import { err, ok, type ResultAsync } from 'neverthrow';
import { z } from 'zod';
import type { CallOptions, Executor } from '../../database/executor.js';
import { type InvalidInputError, type ReadError, storeError, type WriteError } from '../../errors.js';
import { checkInput } from '../../input.js';
import { type Reading, unavailable } from '../database-health.js';
import { forecast, type GrowthForecast } from './forecast.js';
import { recordSnapshot, selectDays, type TableSize } from './growth-statements.js';

/** What the database took at one moment. */
export interface GrowthSnapshot {
  readonly takenAt: Date;
  readonly databaseBytes: number;
  /** The tables of the store's schema. */
  readonly tables: readonly TableSize[];
  /** `false`: there was one of this hour, and it was left as it is. */
  readonly isNew: boolean;
}

export interface RecordGrowthOptions extends CallOptions {
  /** Older snapshots are deleted; 7–3,650, default 400. After 14 days the first of each day is left. */
  readonly keepDays?: number;
}

export interface ForecastGrowthOptions extends CallOptions {
  /** How far ahead; 1–3,650, default 30. */
  readonly days?: number;
  /** How far back snapshots count; 3–400, default 90. */
  readonly basisDays?: number;
  /** A size of the database, in bytes, e.g. that of its disk: when will it be reached? */
  readonly limitBytes?: number;
}

const recordOptions = z.object({ keepDays: z.int().min(7).max(3_650).default(400) });
const forecastOptions = z.object({
  days: z.int().min(1).max(3_650).default(30),
  basisDays: z.int().min(3).max(400).default(90),
  limitBytes: z.number().positive().max(Number.MAX_SAFE_INTEGER).exactOptional(),
});

/** Remembers what the database took, and tells what it will take. */
export class Growth {
  constructor(private readonly executor: Executor) {}

  record({
    signal,
    ...given
  }: RecordGrowthOptions = {}): ResultAsync<GrowthSnapshot, WriteError | InvalidInputError> {
    const operation = 'metrics.recordGrowth';
    return checkInput(operation, recordOptions, given)
      .asyncAndThen((params) => this.executor.write(recordSnapshot, params, callOptions(signal)))
      .andThen(([row]) =>
        row === undefined ? err(storeError('internal', operation, 'the server gave no row', {})) : ok(row),
      );
  }

  forecast({
    signal,
    ...given
  }: ForecastGrowthOptions = {}): ResultAsync<Reading<GrowthForecast>, ReadError | InvalidInputError> {
    return checkInput('metrics.forecastGrowth', forecastOptions, given).asyncAndThen(
      ({ basisDays, ...wanted }) =>
        this.executor.read(selectDays, { basisDays }, callOptions(signal)).map((sizes) => {
          const found = forecast(sizes, wanted);
          return found === null
            ? unavailable('too-few-snapshots', `there are ${sizes.length}`)
            : { available: true, ...found };
        }),
    );
  }
}

function callOptions(signal: AbortSignal | undefined): CallOptions {
  return signal === undefined ? {} : { signal };
}
