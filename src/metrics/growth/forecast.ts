import { type SizeAt, type SizeTrend, sizeTrend } from './size-trend.js';

/** A size, and what it comes to if it goes on growing as it did. */
export interface SizeForecast {
  /** By the last snapshot. */
  readonly bytes: number;
  /** Below 0 where it shrinks. */
  readonly bytesPerDay: number;
  readonly expectedBytes: number;
  /**
   * The ends of the interval that holds the size nine times in ten, if days go on to differ as they did; wide with few
   * snapshots, and where days differ much.
   */
  readonly lowestBytes: number;
  readonly highestBytes: number;
}

export interface LimitForecast {
  readonly bytes: number;
  /** To the day; the day of the last snapshot where it is reached, `null` where it is not within 100 years. */
  readonly expectedAt: Date | null;
  /** When the upper end of the interval reaches it. */
  readonly earliestAt: Date | null;
}

export interface GrowthForecast {
  /** From the last snapshot on. */
  readonly days: number;
  /** The snapshots it is made of, one a day at most. */
  readonly basis: { readonly snapshots: number; readonly from: Date; readonly until: Date };
  readonly database: SizeForecast;
  /** Of the tables of the last snapshot, each with its indexes; those on fewer than three days have none yet. */
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

const MS_PER_DAY = 86_400_000;
const MAX_DAYS = 36_500;

/** `sizes`: oldest first. `null`: of fewer than three days. */
export function forecast(
  sizes: readonly DaySizes[],
  { days, limitBytes }: { readonly days: number; readonly limitBytes?: number },
): GrowthForecast | null {
  const [first] = sizes;
  const last = sizes.at(-1);
  const trend = sizeTrend(sizes.map(({ takenAt, databaseBytes }) => sizeAt(takenAt, databaseBytes)));
  if (first === undefined || last === undefined || trend === null) return null;
  const byTable = sizesByTable(sizes);
  return {
    days,
    basis: { snapshots: sizes.length, from: first.takenAt, until: last.takenAt },
    database: ahead(last.databaseBytes, trend, days),
    tables: last.tables.flatMap(({ name, tableBytes, indexBytes }) => {
      const ofTable = sizeTrend(byTable.get(name) ?? []);
      return ofTable === null ? [] : { name, ...ahead(tableBytes + indexBytes, ofTable, days) };
    }),
    limit: limitBytes === undefined ? null : reached(limitBytes, last, trend),
  };
}

function sizeAt(at: Date, bytes: number): SizeAt {
  return { atMs: at.getTime(), bytes };
}

/** By the name of the table, which counts from the day on which it was first seen. */
function sizesByTable(sizes: readonly DaySizes[]): ReadonlyMap<string, readonly SizeAt[]> {
  const byTable = new Map<string, SizeAt[]>();
  for (const { takenAt, tables } of sizes) {
    for (const { name, tableBytes, indexBytes } of tables) {
      const ofTable = byTable.get(name) ?? [];
      ofTable.push(sizeAt(takenAt, tableBytes + indexBytes));
      byTable.set(name, ofTable);
    }
  }
  return byTable;
}

function ahead(bytes: number, { bytesPerDay, marginAfter }: SizeTrend, days: number): SizeForecast {
  const expected = bytes + bytesPerDay * days;
  const margin = marginAfter(days);
  const whole = (size: number) => Math.max(0, Math.round(size));
  return {
    bytes,
    bytesPerDay: Math.round(bytesPerDay),
    expectedBytes: whole(expected),
    lowestBytes: whole(expected - margin),
    highestBytes: whole(expected + margin),
  };
}

function reached(
  limitBytes: number,
  { takenAt, databaseBytes }: DaySizes,
  { bytesPerDay, marginAfter }: SizeTrend,
): LimitForecast {
  const firstDay = (sizeAfter: (days: number) => number) => {
    // Day by day, as the upper end of what shrinks rises at first and falls later.
    for (let days = 0; days <= MAX_DAYS; days += 1) {
      if (sizeAfter(days) >= limitBytes) return new Date(takenAt.getTime() + days * MS_PER_DAY);
    }
    return null;
  };
  const expectedAfter = (days: number) => databaseBytes + bytesPerDay * days;
  return {
    bytes: limitBytes,
    expectedAt: firstDay(expectedAfter),
    earliestAt: firstDay((days) => expectedAfter(days) + marginAfter(days)),
  };
}
