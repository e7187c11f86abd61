/** Rows under headings, in columns as wide as their widest cell; the last column ends where the line does. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | null = null,
): readonly string[] {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  return lines.map((cells) => {
    const padded = cells.map((cell, column) =>
      column === headings.length - 1 ? cell : cell.padEnd(widths[column] ?? 0),
    );
    return shortened(padded.join('  '), width);
  });
}

/** On one line and without what a terminal would take for a command: what users wrote may hold both. */
export function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function shortened(line: string, width: number | null): string {
  return width === null || line.length <= width ? line : `${line.slice(0, width - 1)}…`;
}
