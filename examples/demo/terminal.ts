import { stdout } from 'node:process';

const BAR_WIDTH = 30;

/** A bar on a terminal, a plain line for every quarter elsewhere. */
export function createProgress(label: string, total: number): (done: number) => void {
  let quarters = 0;
  return (done) => {
    const share = total === 0 ? 1 : done / total;
    if (stdout.isTTY) {
      const filled = Math.round(share * BAR_WIDTH);
      const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
      stdout.write(`\r${label} ${bar} ${done}/${total}${done === total ? '\n' : ''}`);
    } else if (Math.floor(share * 4) > quarters) {
      quarters = Math.floor(share * 4);
      console.log(`${label} ${done}/${total}`);
    }
  };
}

/** Runs one step and prints how long it took. */
export async function timed<T>(
  step: string,
  work: () => Promise<T>,
  describe: (value: T) => string = () => '',
) {
  const started = performance.now();
  const value = await work();
  printTime(step, performance.now() - started, describe(value));
  return value;
}

export function printTime(step: string, ms: number, note = ''): void {
  const shown = ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
  console.log(`${step.padEnd(15)} ${shown.padStart(7)} ms  ${note}`.trimEnd());
}

/** Columns as wide as their widest cell; the last one is cut where the terminal ends. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const width = stdout.columns || 120; // 0 where the terminal does not say
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  for (const row of [header, ...rows]) {
    const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
    console.log(cut(line.trimEnd(), width));
  }
}

export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
