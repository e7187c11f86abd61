/** One line of a plot. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** `bold` for what the plot is about, `faint` for a bound, else one of many. */
  readonly weight?: 'bold' | 'faint';
}

export interface Plot {
  readonly title: string;
  /** What the numbers are of: the axes have no labels of their own. */
  readonly subtitle: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

export interface Axis {
  readonly scale: 'linear' | 'log';
  /** The axis reaches from the first to the last. */
  readonly ticks: readonly number[];
  readonly unit: string;
}

export type Theme = 'light' | 'dark';

const THEMES = {
  light: {
    paper: '#ffffff',
    ink: '#1f2328',
    muted: '#59636e',
    grid: '#e3e7eb',
    bold: '#0550ae',
    colours: ['#bc4c00', '#1a7f37', '#8250df', '#9a6700', '#bf3989', '#1b7c83'],
  },
  dark: {
    paper: '#0d1117',
    ink: '#e6edf3',
    muted: '#9198a1',
    grid: '#262c36',
    bold: '#58a6ff',
    colours: ['#ffa657', '#56d364', '#bc8cff', '#e3b341', '#ff9bce', '#39c5cf'],
  },
} as const;

const WIDTH = 780;
const HEIGHT = 460;
const FRAME = { left: 62, right: 590, top: 92, bottom: 410 };
const LINE_HEIGHT = 16;
const FONT = 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"';

/** Lines with their names at their ends, as an SVG document. */
export function renderPlot(plot: Plot, theme: Theme): string {
  const { paper, ink, muted, grid } = THEMES[theme];
  const toX = projection(plot.x, FRAME.left, FRAME.right);
  const toY = projection(plot.y, FRAME.bottom, FRAME.top);
  const coloured = plot.series
    .map((series, index) => ({ ...series, colour: colourOf(plot, index, theme) }))
    // The one that counts is drawn over the others.
    .sort((a, b) => Number(a.weight === 'bold') - Number(b.weight === 'bold'));
  const ends = coloured.map(({ name, points, colour, weight }) => {
    const last = points.at(-1);
    return { name, colour, weight, x: toX(last?.x ?? 0), y: toY(last?.y ?? 0) };
  });

  const lines = coloured.map(({ points, colour, weight }) => {
    const path = points.map(
      ({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${fixed(toX(x))} ${fixed(toY(y))}`,
    );
    const width = weight === 'bold' ? 3 : 1.75;
    const dash = weight === 'faint' ? ' stroke-dasharray="5 4"' : '';
    const marked = weight === 'faint' ? [] : points;
    const marks = marked.map(
      ({ x, y }) =>
        `<circle cx="${fixed(toX(x))}" cy="${fixed(toY(y))}" r="${width + 0.75}" fill="${colour}"/>`,
    );
    return `<path d="${path.join('')}" fill="none" stroke="${colour}" stroke-width="${width}"${dash}/>${marks.join('')}`;
  });
  const labels = spread(ends).map(({ name, colour, weight, x, y, labelY }) => {
    const leader = `<path d="M${fixed(x + 5)} ${fixed(y)}L${FRAME.right + 16} ${fixed(labelY)}" stroke="${colour}" stroke-width="0.75" fill="none"/>`;
    const bold = weight === 'bold' ? ' font-weight="700"' : '';
    return `${leader}<text x="${FRAME.right + 20}" y="${fixed(labelY + 4)}" font-size="13" fill="${colour}"${bold}>${escaped(name)}</text>`;
  });
  const rows = plot.y.ticks.map((tick) => {
    const y = fixed(toY(tick));
    return `<path d="M${FRAME.left} ${y}H${FRAME.right}" stroke="${grid}"/><text x="${FRAME.left - 8}" y="${Number(y) + 4}" text-anchor="end" font-size="12" fill="${muted}">${labelled(tick)}</text>`;
  });
  const columns = plot.x.ticks.map((tick) => {
    const x = fixed(toX(tick));
    return `<path d="M${x} ${FRAME.bottom}v5" stroke="${muted}"/><text x="${x}" y="${FRAME.bottom + 20}" text-anchor="middle" font-size="12" fill="${muted}">${labelled(tick)}</text>`;
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" ${FONT} role="img" aria-label="${escaped(plot.title)}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="${paper}"/>`,
    `<text x="16" y="30" font-size="17" font-weight="600" fill="${ink}">${escaped(plot.title)}</text>`,
    `<text x="16" y="51" font-size="13" fill="${muted}">${escaped(plot.subtitle)}</text>`,
    ...rows,
    `<path d="M${FRAME.left} ${FRAME.bottom}H${FRAME.right}" stroke="${muted}"/>`,
    ...columns,
    `<text x="${FRAME.right}" y="${FRAME.bottom + 40}" text-anchor="end" font-size="12" fill="${muted}">${escaped(plot.x.unit)}</text>`,
    `<text x="16" y="${FRAME.top - 14}" font-size="12" fill="${muted}">${escaped(plot.y.unit)}</text>`,
    ...lines,
    ...labels,
  ].join('\n')}\n</svg>\n`;
}

function colourOf({ series }: Plot, index: number, theme: Theme): string {
  const { bold, muted, colours } = THEMES[theme];
  const weight = series[index]?.weight;
  if (weight === 'bold') return bold;
  if (weight === 'faint') return muted;
  const others = series.slice(0, index).filter((one) => one.weight === undefined).length;
  return colours[others % colours.length] ?? muted;
}

function projection({ scale, ticks }: Axis, from: number, to: number): (value: number) => number {
  const at = scale === 'log' ? Math.log : (value: number) => value;
  const [first, last] = [at(ticks[0] ?? 0), at(ticks.at(-1) ?? 1)];
  return (value) => from + ((at(value) - first) / (last - first)) * (to - from);
}

/** Places for the labels beside the ends, none upon another, as near to their ends as the others let them. */
function spread<End extends { readonly y: number }>(ends: readonly End[]): (End & { labelY: number })[] {
  const placed = [...ends].sort((a, b) => a.y - b.y).map((end) => ({ ...end, labelY: end.y }));
  for (let pass = 0; pass < 200; pass += 1) {
    placed.slice(1).forEach((below, index) => {
      const above = placed[index];
      const overlap = above === undefined ? 0 : LINE_HEIGHT - (below.labelY - above.labelY);
      if (above === undefined || overlap <= 0) return;
      above.labelY -= overlap / 2;
      below.labelY += overlap / 2;
    });
    for (const label of placed) {
      label.labelY = Math.min(FRAME.bottom, Math.max(FRAME.top, label.labelY));
    }
  }
  return placed;
}

const labelled = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 3 });
const fixed = (value: number) => value.toFixed(1);
const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
