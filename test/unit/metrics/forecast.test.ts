import { describe, expect, it } from 'vitest';
import { type DaySizes, forecast } from '../../../src/metrics/growth/forecast.js';

const DAY = 86_400_000;
const START = Date.parse('2026-03-01T12:00:00Z');
const onDay = (day: number) => new Date(START + day * DAY);

/** A snapshot a day of a database with one table, which takes half of it, and its indexes a quarter. */
function daily(bytes: readonly number[]): DaySizes[] {
  return bytes.map((databaseBytes, day) => ({
    takenAt: onDay(day),
    databaseBytes,
    tables: [{ name: 'texts', tableBytes: databaseBytes / 2, indexBytes: databaseBytes / 4 }],
  }));
}

const rising = daily([1_000, 1_100, 1_200, 1_300, 1_400]);
const ofLimit = (sizes: readonly DaySizes[], limitBytes: number) =>
  forecast(sizes, { days: 30, limitBytes })?.limit;

describe('forecast', () => {
  it('goes on from the last snapshot, for the database and for a table with its indexes', () => {
    expect(forecast(rising, { days: 10 })).toEqual({
      days: 10,
      basis: { snapshots: 5, from: onDay(0), until: onDay(4) },
      database: {
        bytes: 1_400,
        bytesPerDay: 100,
        expectedBytes: 2_400,
        lowestBytes: 2_400,
        highestBytes: 2_400,
      },
      tables: [
        {
          name: 'texts',
          bytes: 1_050,
          bytesPerDay: 75,
          expectedBytes: 1_800,
          lowestBytes: 1_800,
          highestBytes: 1_800,
        },
      ],
      limit: null,
    });
  });

  it('takes three snapshots', () => {
    expect(forecast([], { days: 10 })).toBeNull();
    expect(forecast(rising.slice(0, 2), { days: 10 })).toBeNull();
    expect(forecast(rising.slice(0, 3), { days: 10 })?.basis.snapshots).toBe(3);
  });

  it('has none yet of a table that is on fewer than three days, and none of one that is gone', () => {
    const withTable = (sizes: DaySizes, name: string) => ({
      ...sizes,
      tables: [...sizes.tables, { name, tableBytes: 1e9, indexBytes: 0 }],
    });
    const namesOf = (from: number, until: number) =>
      forecast(
        rising.map((day, index) => (index >= from && index < until ? withTable(day, 'other') : day)),
        { days: 10 },
      )?.tables.map(({ name, bytesPerDay }) => [name, bytesPerDay]);
    expect(namesOf(4, 5)).toEqual([['texts', 75]]);
    expect(namesOf(3, 5)).toEqual([['texts', 75]]);
    expect(namesOf(2, 5)).toEqual([
      ['texts', 75],
      ['other', 0],
    ]);
    expect(namesOf(0, 4)).toEqual([['texts', 75]]);
  });

  it('is never below nothing, of what shrinks', () => {
    const { database } = forecast(daily([900, 600, 400, 100]), { days: 365 }) ?? {};
    expect(database).toMatchObject({ expectedBytes: 0, lowestBytes: 0 });
    expect(database?.bytesPerDay).toBeLessThan(0);
    expect(database?.highestBytes).toBeGreaterThanOrEqual(0);
  });

  it('is certain of what does not change', () => {
    const { database } = forecast(daily([500, 500, 500]), { days: 30 }) ?? {};
    expect(database).toEqual({
      bytes: 500,
      bytesPerDay: 0,
      expectedBytes: 500,
      lowestBytes: 500,
      highestBytes: 500,
    });
  });

  describe('of a limit', () => {
    it('is the day on which the trend reaches it, to the day', () => {
      expect(ofLimit(rising, 2_000)).toEqual({ bytes: 2_000, expectedAt: onDay(10), earliestAt: onDay(10) });
      expect(ofLimit(rising, 2_001)?.expectedAt).toEqual(onDay(11));
    });

    it('is earlier by the upper end of the interval', () => {
      const { expectedAt, earliestAt } = ofLimit(daily([1_000, 1_080, 1_200, 1_290, 1_400]), 3_000) ?? {};
      expect(earliestAt?.getTime()).toBeLessThan(expectedAt?.getTime() ?? 0);
      expect(earliestAt?.getTime()).toBeGreaterThan(onDay(4).getTime());
    });

    it('is the last snapshot, where it is passed', () => {
      for (const limitBytes of [1_400, 1_000, 1]) {
        expect(ofLimit(rising, limitBytes)).toMatchObject({ expectedAt: onDay(4), earliestAt: onDay(4) });
      }
    });

    it('is never, where it is not within a hundred years, nothing grows, or it shrinks', () => {
      const never = { expectedAt: null, earliestAt: null };
      expect(ofLimit(rising, Number.MAX_SAFE_INTEGER)).toMatchObject(never);
      expect(ofLimit(daily([500, 500, 500]), 501)).toMatchObject(never);
      expect(ofLimit(daily([1_000, 900, 800, 700]), 1_001)).toMatchObject(never);
    });

    it('may be reached by chance, though the trend falls', () => {
      const { expectedAt, earliestAt } = ofLimit(daily([1_000, 1_090, 980, 1_060, 950, 1_020]), 1_100) ?? {};
      expect(expectedAt).toBeNull();
      expect(earliestAt).not.toBeNull();
    });
  });
});
