import { writeFile } from 'node:fs/promises';
import { type Measurement, percentile } from './measure.js';

/** What a suite hands back, and what `--json` writes. */
export interface Report {
  readonly suite: string;
  /** What was worked on: rows, sizes, settings. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly results: readonly object[];
  /** Results of other forms. */
  readonly tables?: readonly Table[];
  readonly ratios: readonly Ratio[];
  readonly gates: readonly Gate[];
}

export interface Table {
  readonly title: string;
  readonly rows: readonly object[];
}

/** One candidate of one operation, over all rounds. */
export interface Timing {
  readonly operation: string;
  readonly candidate: string;
  readonly samples: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Of this process, the mean of a call. */
  readonly cpuMs: number;
}

/** A figure of one round, such as the median of its calls. */
export type Statistic = (milliseconds: readonly number[]) => number;

const p50: Statistic = (milliseconds) => percentile(milliseconds, 0.5);
export const p95: Statistic = (milliseconds) => percentile(milliseconds, 0.95);
/** The reverse of calls a second, for one client. */
export const mean: Statistic = (milliseconds) =>
  milliseconds.reduce((sum, value) => sum + value, 0) / milliseconds.length;

/** How many times the p50 (or what the operation says) of one candidate is that of another. */
export interface Ratio {
  readonly operation: string;
  readonly of: string;
  readonly to: string;
  /** The round that noise harmed least; which one that is depends on what is to be shown. */
  readonly best: number;
  readonly rounds: readonly number[];
}

export interface Gate {
  readonly name: string;
  readonly value: number;
  readonly goal: string;
  readonly pass: boolean;
}

export function timingsOf({ operation, rounds }: Measurement): Timing[] {
  return [...(rounds[0]?.keys() ?? [])].map((candidate) => {
    const samples = rounds.flatMap((round) => round.get(candidate) ?? []);
    const milliseconds = samples.flatMap((round) => round.milliseconds);
    const cpuMicroseconds = samples.reduce((sum, round) => sum + round.cpuMicroseconds, 0);
    return {
      operation,
      candidate,
      samples: milliseconds.length,
      p50Ms: percentile(milliseconds, 0.5),
      p95Ms: percentile(milliseconds, 0.95),
      p99Ms: percentile(milliseconds, 0.99),
      cpuMs: cpuMicroseconds / 1000 / milliseconds.length,
    };
  });
}

/** `lowest` for a cost that should be small, `highest` for a gain that should be large. */
export function ratioOf(
  { operation, rounds }: Measurement,
  of: string,
  to: string,
  best: 'lowest' | 'highest',
  statistic: Statistic = p50,
): Ratio {
  const figure = (candidate: string, round: Measurement['rounds'][number]) =>
    statistic(round.get(candidate)?.milliseconds ?? []);
  const ratios = rounds.map((round) => figure(of, round) / figure(to, round));
  return { operation, of, to, best: bestOf(ratios, best), rounds: ratios };
}

export function bestOf(ratios: readonly number[], best: 'lowest' | 'highest'): number {
  return best === 'lowest' ? Math.min(...ratios) : Math.max(...ratios);
}

export function atMost({ operation, of, to, best }: Ratio, limit: number): Gate {
  return { name: `${operation}: ${of} ÷ ${to}`, value: best, goal: `≤ ${limit}`, pass: best <= limit };
}

export function atLeast({ operation, of, to, best }: Ratio, limit: number): Gate {
  return { name: `${operation}: ${of} ÷ ${to}`, value: best, goal: `≥ ${limit}`, pass: best >= limit };
}

export function printReport(report: Report): void {
  console.log(`\n${report.suite} · ${listed(report.versions)}`);
  console.log(`data: ${listed(report.data)}\n`);
  console.log(table(report.results));
  for (const { title, rows } of report.tables ?? []) console.log(`${title}\n${table(rows)}`);
  if (report.ratios.length > 0) {
    console.log(
      table(
        report.ratios.map(({ rounds, ...ratio }) => ({ ...ratio, rounds: rounds.map(rounded).join(' ') })),
      ),
    );
  }
  if (report.gates.length > 0) console.log(table(report.gates));
}

export async function writeReport(file: string, report: Report): Promise<void> {
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
}

function listed(facts: Readonly<Record<string, unknown>>): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function table(rows: readonly object[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cells = [
    columns,
    ...rows.map((row) =>
      Object.values(row).map((value) => (typeof value === 'number' ? rounded(value) : `${value}`)),
    ),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, index) =>
        isNumber(cell) ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

function rounded(value: number): string {
  return Number.isInteger(value) ? `${value}` : value.toFixed(value < 100 ? 3 : 0);
}

function isNumber(cell: string): boolean {
  return cell !== '' && !Number.isNaN(Number(cell));
}
