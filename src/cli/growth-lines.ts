import type { GrowthForecast, GrowthSnapshot, LimitForecast, Reading } from '../index.js';
import { megabytes } from './table.js';

/** Of 1024³ bytes, as {@link megabytes} are of 1024². */
export const GIGABYTE = 1024 ** 3;

/** What the database will take, or why that is not known. */
export function growthLines(growth: Reading<GrowthForecast>): readonly string[] {
  if (!growth.available) return [`growth       ${growth.advice}`];
  const { database, days, basis, limit } = growth;
  const interval = `${megabytes(database.lowestBytes)} to ${megabytes(database.highestBytes)} nine times in ten`;
  return [
    `growth       ${megabytes(database.bytesPerDay)} a day; in ${inDays(days)} ${megabytes(database.expectedBytes)}, ${interval}`,
    `             by ${basis.snapshots} days, ${dateOf(basis.from)} to ${dateOf(basis.until)}`,
    ...(limit === null ? [] : [`limit        ${limitText(limit, database.bytes)}`]),
  ];
}

/** What `--record-growth` did. */
export function recordedLines(snapshot: GrowthSnapshot | undefined): readonly string[] {
  if (snapshot === undefined) return [];
  const { isNew, takenAt } = snapshot;
  const at = takenAt.toISOString().slice(0, 16).replace('T', ' ');
  return [`recorded     ${isNew ? 'now' : `once in this hour already, at ${at} UTC`}`];
}

export const inDays = (days: number) => `${days} day${days === 1 ? '' : 's'}`;

function limitText({ bytes, expectedAt, earliestAt }: LimitForecast, now: number): string {
  const size = `${Number((bytes / GIGABYTE).toFixed(3))} GB`;
  if (now >= bytes) return `${size} is reached`;
  const expected = expectedAt === null ? `${size} not within 100 years` : `${size} on ${dateOf(expectedAt)}`;
  return earliestAt === null ? expected : `${expected}, on ${dateOf(earliestAt)} at the earliest`;
}

function dateOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
