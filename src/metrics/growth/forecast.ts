import { type SizeAt, sizeTrend } from './size-trend.js';

/** A size, and what it comes to if it goes on growing as it did. */
export interface SizeForecast {
  /** By the last snapshot. */
  readonly bytes: number;
  /** Below 0 where it shrinks. */
  readonly bytesPerDay: number;
  readonly expectedBytes: number;
  /** The ends of the interval that holds the size nine times in ten, if the past goes on; wide with few snapshots. */
  readonly lowestBytes: number;
  readonly highestBytes: number;
}

export interface LimitForecast {
  readonly bytes: number;
  /** When the database reaches it; `null`: not while it grows no faster than it did. */
  readonly expectedAt: Date | null;
  /** When at the earliest, with the fastest growth of the interval. */
  readonly earliestAt: Date | null;
}

export interface GrowthForecast {
  /** From the last snapshot on. */
  readonly days: number;
  /** The snapshots it is made of, one a day. */
  readonly basis: { readonly snapshots: number; readonly from: Date; readonly until: Date };
  readonly database: SizeForecast;
  /** Those there were in the last snapshot, each with its indexes. */
  readonly tables: readonly (SizeForecast & { readonly name: string })[];
  /** `null` where no `limitBytes` was given. */
  readonly limit: LimitForecast | null;
}

/** The size of each table, with its indexes, at one moment. */
export interface DaySizes {
  readonly takenAt: Date;
  readonly databaseBytes: number;
  readonly tables: readonly {
    readonly name: string;
    readonly tableBytes: number;
    readonly indexBytes: number;
  }[];
}

/** With fewer days a trend is a guess. */
export const MIN_SNAPSHOTS = 3;

const MS_PER_DAY = 86_400_000;

/** `null`: of too few days. `sizes`: oldest first. */
export function forecast(
  sizes: readonly DaySizes[],
  { days, limitBytes = null }: { readonly days: number; readonly limitBytes?: number | null },
): GrowthForecast | null {
  const [first] = sizes;
  const last = sizes.at(-1);
  if (first === undefined || last === undefined || sizes.length < MIN_SNAPSHOTS) return null;
  const database = sizes.map(({ takenAt, databaseBytes }) => sizeAt(takenAt, databaseBytes));
  return {
    days,
    basis: { snapshots: sizes.length, from: first.takenAt, until: last.takenAt },
    database: ahead(database, days),
    tables: last.tables.map(({ name }) => ({ name, ...ahead(ofTable(sizes, name), days) })),
    limit: limitBytes === null ? null : reached(database, limitBytes),
  };
}

function sizeAt(at: Date, bytes: number): SizeAt {
  return { atMs: at.getTime(), bytes };
}

// A table counts from the day on which it was first seen.
function ofTable(sizes: readonly DaySizes[], name: string): readonly SizeAt[] {
  return sizes.flatMap(({ takenAt, tables }) => {
    const table = tables.find((one) => one.name === name);
    return table === undefined ? [] : sizeAt(takenAt, table.tableBytes + table.indexBytes);
  });
}

function ahead(points: readonly SizeAt[], days: number): SizeForecast {
  const bytes = points.at(-1)?.bytes ?? 0;
  const { bytesPerDay, lowestPerDay, highestPerDay } = sizeTrend(points);
  const after = (perDay: number) => Math.max(0, Math.round(bytes + perDay * days));
  return {
    bytes,
    bytesPerDay: Math.round(bytesPerDay),
    expectedBytes: after(bytesPerDay),
    lowestBytes: after(lowestPerDay),
    highestBytes: after(highestPerDay),
  };
}

function reached(points: readonly SizeAt[], limitBytes: number): LimitForecast {
  const { atMs, bytes } = points.at(-1) ?? { atMs: 0, bytes: 0 };
  const { bytesPerDay, highestPerDay } = sizeTrend(points);
  const whenBy = (perDay: number) => {
    if (bytes >= limitBytes) return new Date(atMs);
    const days = (limitBytes - bytes) / perDay;
    // Further off than dates go, it is as good as never.
    return perDay > 0 && days < MAX_DAYS ? new Date(atMs + days * MS_PER_DAY) : null;
  };
  return { bytes: limitBytes, expectedAt: whenBy(bytesPerDay), earliestAt: whenBy(highestPerDay) };
}

const MAX_DAYS = 36_500;
